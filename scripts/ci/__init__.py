"""Runs the stages of `.ci/stages.toml` and says at the end what was checked and what was not. `.ci/run` starts it."""
