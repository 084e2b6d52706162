"""The names of the networks, and where each is defined; listing them imports no torch.

A network is a function ``(input_shape, classes, **options) -> torch.nn.Module``. A user's own needs
no entry here: ``package.module:factory`` works wherever a name does.
"""

from koopflow.core.registry import Registry

MODELS = Registry(
    "model",
    {
        "mlp": "koopflow.training.models.perceptron:mlp",
        "lenet": "koopflow.training.models.perceptron:lenet",
        "convnet": "koopflow.training.models.convolutional:convnet",
        "mnistnet": "koopflow.training.models.convolutional:mnistnet",
        "lenet5": "koopflow.training.models.convolutional:lenet5",
        "modular_transformer": "koopflow.training.models.transformer:modular_transformer",
        "resnet8": "koopflow.training.models.residual:resnet8",
        "resnet14": "koopflow.training.models.residual:resnet14",
        "resnet20": "koopflow.training.models.residual:resnet20",
        "resnet32": "koopflow.training.models.residual:resnet32",
        "resnet44": "koopflow.training.models.residual:resnet44",
        "resnet56": "koopflow.training.models.residual:resnet56",
        "resnet18": "koopflow.training.models.torchvision:resnet18",
        "resnet34": "koopflow.training.models.torchvision:resnet34",
        "resnet50": "koopflow.training.models.torchvision:resnet50",
        "resnet101": "koopflow.training.models.torchvision:resnet101",
        "resnet152": "koopflow.training.models.torchvision:resnet152",
        "wide_resnet50_2": "koopflow.training.models.torchvision:wide_resnet50_2",
        "wide_resnet101_2": "koopflow.training.models.torchvision:wide_resnet101_2",
    },
)
