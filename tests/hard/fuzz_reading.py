"""Coverage-guided fuzzing of the way from a file's bytes to a photo, with atheris.

python tests/hard/fuzz_reading.py CORPUS -max_total_time=60

Whatever is not a photo or an error for people ends the run, and the bytes are kept.
"""

import sys

import atheris

with atheris.instrument_imports(include=["dp2vl.images"]):
    from dp2vl.errors import PhotoError
    from dp2vl.images import decode_photo


def read(data: bytes) -> None:
    try:
        decode_photo(data, max_megapixels=1)
    except PhotoError as error:
        assert "\n" not in str(error)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
