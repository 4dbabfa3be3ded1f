"""`python -m dp2vl.cli`."""

from dp2vl.cli import main

main()
