"""The images that each group of replicas sees at each step: shuffled without replacement, in a new
order every epoch, or in the order in which they are stored."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images


class Batches:
    """The batches of several groups, each in its own order, from training images held on the
    device.

    The order of an epoch is drawn from the stream (seed, *stream, group, "batches", epoch) alone,
    so the step determines the position in the data and no generator's state is saved. An epoch
    consists of whole batches; the images left over differ from epoch to epoch. Unless `shuffled`,
    every group sees the images of every epoch in the order of `images`.

    Raises
    ------
    KoopflowError
        If the batch size is not a positive integer or exceeds the training set.
    """

    def __init__(
        self,
        images: Images,
        size: int,
        groups: Sequence[object],
        seed: int,
        stream: Sequence[object],
        device: torch.device,
        *,
        shuffled: bool = True,
    ):
        count = len(images.x_train)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise KoopflowError(f"batch_size must be a positive integer (got {size!r})")
        if size > count:
            raise KoopflowError(
                f"batch_size must be at most {count}, the training images of {images.name} (got {size})"
            )
        self.size, self.groups, self._seed, self._stream = size, list(groups), seed, tuple(stream)
        self.per_epoch, self._shuffled = count // size, shuffled
        self._shape = images.x_train.shape[1:]
        self._x = torch.from_numpy(images.x_train.reshape(count, -1)).to(device)
        self._y = torch.from_numpy(images.y_train).to(device)
        self._order = torch.empty(0)
        self._epoch = -1
        self._batch = torch.empty(len(self.groups) * size, self._x.shape[1], device=device)

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the images (group, batch, channel, height, width) and labels (group, batch) of a
        step.

        The next call overwrites the images.
        """
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._order, self._epoch = self._draw(epoch), epoch
        index = self._order[:, position].reshape(-1)
        torch.index_select(self._x, 0, index, out=self._batch)
        shape = (len(self.groups), self.size)
        return self._batch.view(*shape, *self._shape), self._y[index].view(shape)

    def _draw(self, epoch: int) -> torch.Tensor:
        count, used = len(self._x), self.per_epoch * self.size
        orders = [
            (self._permutation(group, epoch, count) if self._shuffled else np.arange(count))[:used].reshape(
                self.per_epoch, self.size
            )
            for group in self.groups
        ]
        return torch.from_numpy(np.stack(orders)).to(self._x.device)

    def _permutation(self, group: object, epoch: int, count: int) -> NDArray[np.int64]:
        return seeds.rng(self._seed, *self._stream, group, "batches", epoch).permutation(count)
