"""What may tell, before a ticket is trained on another task, how well it will do there.

`registry` lists the predictors; `declared` says what one is, and what it is given.
"""
