"""One module per command or group of commands; `slipway/cli/root.py` lists them."""
