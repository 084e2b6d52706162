"""What recording every 10th step adds to training ResNet-20 (272,474 parameters, batches of 128):
python benchmarks/recorder.py.

Plain and recorded stretches of ten steps alternate, so that the machine's mood falls on both. A
step takes a second or so on two cores and a capture a millisecond, so the share is also worked out
from the captures alone, over so many that the file's flushes are among them.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

STRETCHES, EVERY, BATCH, CAPTURES = 6, 10, 128, 300


def main() -> None:
    import torch

    from koopflow.training.models.build import build
    from koopflow.trajectory import TrajectoryRecorder

    torch.manual_seed(0)
    model = build({"name": "resnet20"}, (3, 32, 32), 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,))

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    plain, recorded, captures = [], [], []
    with TemporaryDirectory() as folder:
        recorder = TrajectoryRecorder(model, Path(folder) / "run.h5", every=EVERY)
        step()
        for _ in range(STRETCHES):
            start = perf_counter()
            for _ in range(EVERY):
                step()
            plain.append(perf_counter() - start)
            start = perf_counter()
            for _ in range(EVERY):
                recorder.step(step())
            recorded.append(perf_counter() - start)
        recorder.close()
        recorder = TrajectoryRecorder(model, Path(folder) / "captures.h5")
        for _ in range(CAPTURES):
            start = perf_counter()
            recorder.step(0.0)
            captures.append(perf_counter() - start)
        start = perf_counter()
        recorder.close()
        closing = perf_counter() - start
    seconds = np.median(plain) / EVERY
    capture = (sum(captures) + closing) / CAPTURES
    row = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "step_ms": 1e3 * seconds,
        "recorded_step_ms": 1e3 * np.median(recorded) / EVERY,
        "added_percent_measured": 100 * (np.median(recorded) / np.median(plain) - 1),
        "capture_ms": 1e3 * capture,
        "slowest_capture_ms": 1e3 * max(captures),
        "added_percent_by_captures": 100 * capture / EVERY / seconds,
    }
    table = pd.DataFrame([row])
    print(table.to_string(index=False))
    Path("benchmarks/out").mkdir(parents=True, exist_ok=True)
    table.to_csv("benchmarks/out/recorder.csv", index=False)


if __name__ == "__main__":
    main()
