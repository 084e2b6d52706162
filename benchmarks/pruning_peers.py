"""Prune networks with random weights beside torch.nn.utils.prune and Torch-Pruning: ResNet-18, and one of GPT-2's size.

    python benchmarks/pruning_peers.py [resnet18 gpt2]

Each way runs in a process of its own, which prunes once by global magnitude to 1/16 and reports its processor time,
its peak memory above that of the loaded network, and the weights kept. Torch-Pruning removes whole channels, so it has
no masks to compare; it is there for time, and for the parameters left at half of the channels of ResNet-18. It runs if
`import torch_pruning` works.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
COMPRESSION = 16
WAYS = ("koopflow", "torch", "torch_pruning")


def resnet18():
    import torchvision

    return torchvision.models.resnet18()


def gpt2():
    """A decoder of GPT-2's size (124 million weights), with an embedding tied to the output layer."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width=768):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            q, k, v = (t.unflatten(-1, (12, 64)).transpose(1, 2) for t in self.attention(self.norm1(x)).chunk(3, -1))
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).flatten(2))
            return x + self.narrow(nn.functional.gelu(self.wide(self.norm2(x))))

    class Decoder(nn.Module):
        def __init__(self, words=50257, width=768):
            super().__init__()
            self.embed, self.places = nn.Embedding(words, width), nn.Embedding(1024, width)
            self.blocks, self.norm = nn.Sequential(*(Block(width) for _ in range(12))), nn.LayerNorm(width)
            self.lm_head = nn.Linear(width, words, bias=False)
            self.lm_head.weight = self.embed.weight

        def forward(self, tokens):
            x = self.embed(tokens) + self.places.weight[: tokens.shape[1]]
            return self.lm_head(self.norm(self.blocks(x)))

    return Decoder()


NETWORKS = {"resnet18": (resnet18, "fc"), "gpt2": (gpt2, "lm_head")}


def layers(model, head):
    from torch import nn

    kinds = (nn.Linear, nn.Conv2d)
    return [(name, each) for name, each in model.named_modules() if isinstance(each, kinds) and name != head]


def prune_koopflow(model, head):
    import koopflow as kf

    mask = kf.prune(model, score="magnitude", compression=COMPRESSION, exclude=["head"])
    mask.apply(model)
    return {f"{name}.weight": mask[f"{name}.weight"] for name, _ in layers(model, head)}


def prune_torch(model, head):
    from torch.nn.utils import prune

    chosen = [(each, "weight") for _, each in layers(model, head)]
    prune.global_unstructured(chosen, prune.L1Unstructured, amount=1 - 1 / COMPRESSION)
    return {f"{name}.weight": each.weight_mask.numpy().astype(bool) for name, each in layers(model, head)}


def prune_torch_pruning(model, head):
    import torch
    import torch_pruning

    if head != "fc":
        raise SystemExit("Torch-Pruning is asked for ResNet-18 alone")
    pruner = torch_pruning.pruner.MagnitudePruner(
        model, torch.zeros(1, 3, 64, 64), torch_pruning.importance.MagnitudeImportance(), pruning_ratio=0.5,
        ignored_layers=[model.fc],
    )  # fmt: skip
    pruner.step()
    return {}


def child(way, network, path):
    """Prune in this process, and write what it cost."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    build, head = NETWORKS[network]
    model = build()
    __import__({"koopflow": "koopflow.api.pruning", "torch": "torch.nn.utils.prune"}.get(way, way))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, clock = time.process_time(), time.perf_counter()
    masks = globals()[f"prune_{way}"](model, head)
    found = {"processor_s": time.process_time() - begun, "wall_s": time.perf_counter() - clock}
    found["extra_mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    found["weights_mb"] = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20
    found["parameters"] = sum(p.numel() for p in model.parameters())
    Path(path).write_text(json.dumps(found))
    np.savez(f"{path}.npz", **masks)


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for network in sys.argv[1:] or NETWORKS:
            masks = {}
            for way in WAYS:
                path = f"{folder}/{network}-{way}.json"
                if subprocess.run([sys.executable, __file__, "--child", way, network, path], check=False).returncode:
                    print(f"{network}: {way} did not run")
                    continue
                rows.append({"network": network, "way": way, **json.loads(Path(path).read_text())})
                with np.load(f"{path}.npz") as file:
                    masks[way] = {name: file[name] for name in file.files}
            ours, theirs = masks["koopflow"], masks["torch"]
            apart = sum(int(np.count_nonzero(ours[name] != theirs[name])) for name in theirs)
            kept = [sum(int(mask.sum()) for mask in each.values()) for each in (ours, theirs)]
            print(f"{network}: koopflow keeps {kept[0]}, torch {kept[1]} weights; masks differ in {apart}")
    table = pd.DataFrame(rows)
    out = Path("benchmarks/out")
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "pruning_peers.csv", index=False)
    print(table.to_string(index=False, float_format="%.2f"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
