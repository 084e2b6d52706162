"""Pruning scores of other papers, beside those of `koopflow.pruning.scores`."""

import numpy as np
from numpy.typing import NDArray

from koopflow.pruning.scoring import NetworkState, given, score


@score(needs={"gradient"})
def snip(state: NetworkState) -> NDArray[np.float64]:
    """Return |w dL/dw| / sum |w dL/dw|: how much removing a connection changes the loss.

    Source: Lee et al. (arXiv 1810.02340), who take it at initialization on one batch.
    """
    values = np.abs(np.multiply(state.weights, given(state.gradient), dtype=np.float64))
    total = values.sum()
    return values / total if total > 0 else values


@score(needs={"hessian_gradient"})
def grasp(state: NetworkState) -> NDArray[np.float64]:
    """Return w (H g): how much removing the weight lowers the squared norm of the gradient.

    Weights whose removal lowers it most are kept. H is the Hessian of the loss, g its gradient.

    Source: Wang et al. (arXiv 2002.07376), whose score has the opposite sign and is pruned from
    above.
    """
    return np.multiply(state.weights, given(state.hessian_gradient), dtype=np.float64)


@score(needs={"path_gradient"})
def synflow(state: NetworkState) -> NDArray[np.float64]:
    """Return |w| dR/d|w|: the sum over all paths through the weight of the product of absolute
    weights.

    Source: Tanaka et al. (arXiv 2006.05467), who prune in 100 iterative rounds.
    """
    return np.abs(state.weights) * np.abs(np.asarray(given(state.path_gradient), dtype=np.float64))


@score(needs={"squared_gradient"})
def fisher(state: NetworkState) -> NDArray[np.float64]:
    """Return w² F / 2: the loss that removing the weight adds, to second order.

    F is the diagonal of the empirical Fisher information, which stands for the Hessian at a
    minimum.

    Source: Theis et al. (arXiv 1801.05787); with the true Hessian it is LeCun et al.'s optimal
    brain damage (1990).
    """
    return 0.5 * np.square(state.weights, dtype=np.float64) * given(state.squared_gradient)


@score(needs={"input_norms"})
def wanda(state: NetworkState) -> NDArray[np.float64]:
    """Return |w| ‖x‖: the weight times the norm of its input over training examples.

    Source: Sun et al. (arXiv 2306.11695), who rank within each output (scope: output).
    """
    return np.abs(state.weights) * np.asarray(given(state.input_norms), dtype=np.float64)


@score(needs={"movement"})
def movement(state: NetworkState) -> NDArray[np.float64]:
    """Return the sum over the window's steps of w(t) (w(t+1) - w(t)): weights that move away from
    zero are kept.

    Under gradient descent this is the learning rate times -sum w dL/dw.

    Source: Sanh et al. (arXiv 2005.07683), movement pruning.
    """
    return np.asarray(given(state.movement), dtype=np.float64)
