"""koopflow: Koopman operators and the renormalization group for training, pruning, tickets and forecasting.

The library under the workflow of the same name. Each sub-package is one room of the house and may be imported on its own;
none of them knows Snakemake. Nothing heavy is imported here.
"""

__version__ = "0.1.0"

from koopflow.core import moved

moved.install()
