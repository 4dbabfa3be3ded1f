"""Write what is usual for each bundled tower beside its weights; to be run again whenever a tower was trained anew.

python benchmarks/usual.py
"""

from dp2vl.protect.usual import USUAL_FILE, write_usual
from dp2vl.surrogates import load_surrogate
from dp2vl.vlm.loading import BUNDLED, bundled_names

if __name__ == "__main__":
    for name in bundled_names():
        write_usual(load_surrogate(name), BUNDLED / name / USUAL_FILE)
        print(name)
