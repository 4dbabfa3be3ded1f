"""Coverage-guided fuzzing of the way from a file's bytes to a photo, with atheris.

python tests/hard/fuzz_reading.py CORPUS -max_total_time=60

Whatever is not a photo or an error for people ends the run, and the bytes are kept. So does a file that takes
long: small files may claim as many pixels as a photo of a telephone has.
"""

import sys
import time

import atheris

with atheris.instrument_imports(include=["dp2vl.images"]):
    from dp2vl.errors import PhotoError
    from dp2vl.images import decode_photo


MEGAPIXELS = 10
LONGEST_S = 8


def read(data: bytes) -> None:
    start = time.process_time()
    try:
        decode_photo(data, max_megapixels=MEGAPIXELS)
    except PhotoError as error:
        assert "\n" not in str(error)
    assert time.process_time() - start < LONGEST_S, f"{len(data)} bytes take long"


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
