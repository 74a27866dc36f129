"""`python -m slipway.cli`: run the command without installing it."""

from .root import main

if __name__ == "__main__":
    main()
