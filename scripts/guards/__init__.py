"""Shows that each guard stops its attack: without the guard, in a scratch copy, its test fails.

`guards.toml` beside this file has the guards, by the findings that they mend. `python -m scripts.guards` (`make prove`)
takes them out one after the other and runs only their own tests; a guard whose tests still pass is a fault. With
`NAME …` it does this for some of them only.
"""
