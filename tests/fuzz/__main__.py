"""Fuzz the photo reader for some minutes: `make fuzz`, or `.venv/fuzz/bin/python -m tests.fuzz --minutes 5`.

It alters the files of the corpus and those that it finds on its way, and ends with a status other than 0 at the first
one that is neither read nor refused, or that takes too long or too much memory; that file then lies in .cache/fuzz.
"""

import argparse
import sys
import warnings

WATCHED = ["PIL", "pydicom", "data_modelling"]
TABLES = [
    "pydicom._dicom_dict",
    "pydicom._private_dict",
    "pydicom._uid_dict",
]  # long, and nothing happens in them
LIMITS = {
    "timeout": 30,  # seconds for one file
    "rss_limit_mb": 1024,  # a photo of 25 megapixels, and what Python and the fuzzer need
    "max_len": 4096,  # bytes of a file
}


def main() -> None:
    """Fuzz; does not return."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split(":")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    minutes = parser.parse_args().minutes
    try:
        import atheris
    except ImportError:
        sys.exit("The fuzzer is not there: it runs on Linux, in the environment that `make fuzz` makes.")
    warnings.simplefilter("error")  # but for those that the reader has switched off
    with atheris.instrument_imports(include=WATCHED, exclude=TABLES):
        from tests.fuzz.reader import CORPUS, FOUND, OWN, read
        from tests.fuzz.seeds import seeds, with_checksums

        for seed in seeds().values():
            read(seed)  # so that all that is to be watched is loaded
    FOUND.mkdir(parents=True, exist_ok=True)
    options = [f"-{name}={value}" for name, value in LIMITS.items()]
    options += [f"-max_total_time={minutes * 60:.0f}", f"-artifact_prefix={OWN}/"]

    def alter(data: bytes, largest: int, _seed: int) -> bytes:
        altered = atheris.Mutate(data, largest)
        return with_checksums(altered) if altered.startswith(b"\x89PNG") else altered

    def target(data: bytes) -> None:
        read(data)

    folders = [str(FOUND), str(CORPUS)]
    atheris.Setup([sys.argv[0], *options, *folders], target, custom_mutator=alter)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
