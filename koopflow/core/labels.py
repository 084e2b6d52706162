"""Readable names for figures, tables and captions."""

WORDS = {
    "koopman": "Koopman",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "kmnist": "KMNIST",
    "ets": "ETS",
    "arima": "ARIMA",
    "mstl": "MSTL",
    "co2": "CO₂",
    "elnino": "El Niño",
    "mlp": "MLP",
    "conv": "convolutional net",
    "mnistnet": "MnistNet",
    "resnet20": "ResNet-20",
    "lenet": "LeNet",
    "ntk": "NTK",
    "snip": "SNIP",
    "grasp": "GraSP",
}


def label(name: object) -> str:
    """Return `name` as figures and tables show it.

    >>> label("koopman_magnitude")
    'Koopman magnitude'
    """
    words = " ".join(WORDS.get(word, word) for word in str(name).replace("_", " ").strip().split(" "))
    return words[:1].upper() + words[1:]
