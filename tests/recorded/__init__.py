"""What real parts answered or said once, for the doubles to be checked against. README.md says where it comes from."""

from pathlib import Path

RECORDED = Path(__file__).parent
