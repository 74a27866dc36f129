"""`make demo`: the main job from start to end, on this machine, on real input, step by step."""
