"""Sources of a user's own: their options are given in YAML and checked against their signatures."""

import numpy as np
import pytest

from koopflow.config.data import DataSet
from koopflow.core.errors import KoopflowError
from koopflow.data.images.loading import load as load_images
from koopflow.data.images.sets import RawImages
from koopflow.data.series.loading import load as load_series


def stripes(context, brightness: float = 1.0, classes: int = 2):
    labels = np.arange(40) % classes
    images = brightness * (labels + np.random.default_rng(context.seed).random((4, 4, 40))).T[:, None]
    return RawImages(images.astype(np.float32), labels, images.astype(np.float32), labels, name="stripes")


def tide(name, settings, seed, period: float, heights: tuple[int, ...] = (1,)):
    time = np.arange(200)
    return time, sum(height * np.sin(2 * np.pi * time / period) for height in heights), name


def of_images(arguments):
    return DataSet(source=f"{__name__}:stripes", arguments=arguments)


def of_series(arguments):
    return {"source": f"{__name__}:tide", "arguments": arguments}


def test_options_reach_a_source_of_images():
    assert load_images(of_images({"classes": 4}), seed=1).classes == 4
    assert load_images(of_images({})).classes == 2
    plain, bright = (load_images(of_images({"brightness": size}), seed=1) for size in (1.0, 3.0))
    assert np.allclose(plain.x_train, bright.x_train, atol=1e-5)
    assert bright.std[0] == pytest.approx(3 * plain.std[0], rel=1e-5)


def test_options_reach_a_source_of_series():
    found = load_series("wave", of_series({"period": 10.0, "heights": [2, 3]}))
    assert np.allclose(found.values, 5 * np.sin(2 * np.pi * np.arange(200) / 10))
    assert found.label == "wave"


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: load_images(of_images({"classes": "four"})), r"arguments\.classes: must be int \(got 'four'\)"),
        (
            lambda: load_images(of_images({"brightnes": 1.0})),
            r"brightnes: unknown option.*accepted: brightness, classes",
        ),
        (lambda: load_images({"source": "digits", "arguments": {"a": 1}}), r"data\.a: unknown option"),
        (lambda: load_series("s", of_series({})), r"series\.s\.arguments\.period: required option is missing"),
        (lambda: load_series("s", of_series({"period": 1.0, "heights": "high"})), r"arguments\.heights: must be tuple"),
        (lambda: load_series("s", {"source": "sunspots", "arguments": {"a": 1}}), r"arguments\.a: unknown option"),
        (lambda: load_series("s", of_series([1])), r"arguments"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(load, message):
    with pytest.raises(KoopflowError, match=message) as found:
        load()
    assert "\n" not in str(found.value)
