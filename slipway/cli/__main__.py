"""`python -m slipway.cli`: the command where it is not installed as `slipway`."""

from .root import main

if __name__ == "__main__":
    main()
