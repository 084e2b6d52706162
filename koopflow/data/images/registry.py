"""The names of image sources and transforms, and where each is defined; listing them imports
nothing else.

A source is a function ``(context, **options) -> RawImages``, a transform ``(raw, option, seed) ->
RawImages``. ``package.module:name`` works wherever a name does.
"""

from koopflow.core.registry import Registry

SOURCES = Registry(
    "image source",
    {
        "digits": "koopflow.data.images.digits:digits",
        "npz": "koopflow.data.images.files:npz",
        "image_folder": "koopflow.data.images.files:image_folder",
        "gaussian_clusters": "koopflow.data.images.synthetic:gaussian_clusters",
        "teacher": "koopflow.data.images.synthetic:teacher",
        "modular_addition": "koopflow.data.images.arithmetic:modular_addition",
        "mnist": "koopflow.data.images.vision:mnist",
        "fashion_mnist": "koopflow.data.images.vision:fashion_mnist",
        "kmnist": "koopflow.data.images.vision:kmnist",
        "cifar10": "koopflow.data.images.vision:cifar10",
        "cifar100": "koopflow.data.images.vision:cifar100",
        "svhn": "koopflow.data.images.vision:svhn",
    },
)

TRANSFORMS = Registry(
    "image transform",
    {
        "permute_pixels": "koopflow.data.images.transforms:permute_pixels",
        "rotate": "koopflow.data.images.transforms:rotate",
        "noise": "koopflow.data.images.transforms:noise",
        "permute_some": "koopflow.data.images.transforms:permute_some",
        "flip": "koopflow.data.images.transforms:flip",
        "invert": "koopflow.data.images.transforms:invert",
        "relabel": "koopflow.data.images.transforms:relabel",
        "resize": "koopflow.data.images.transforms:resize",
        "grey": "koopflow.data.images.transforms:grey",
    },
)
