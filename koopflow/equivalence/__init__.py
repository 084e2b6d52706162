"""When are two optimizers, or two ways of training, the same dynamics? (arXiv 2302.09160)"""
