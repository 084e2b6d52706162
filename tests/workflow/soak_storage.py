"""The smoke study with its results in a storage and nothing shared, as on a cloud (docs/clouds.md), beside the same
study without: the same tables.

``make soak`` runs it where the plugin of a folder as storage is installed: it needs ``pip install
snakemake-storage-plugin-fs`` and the program rsync.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.envs.soak import WORDS, compare
from tests.house import copy_of_the_house
from tests.robustness.soak import run_to_end


def main() -> None:
    if find_spec("snakemake_storage_plugin_fs") is None:
        print("storage: left out; run: pip install snakemake-storage-plugin-fs")
        return
    with tempfile.TemporaryDirectory(prefix="koopflow-storage-") as name:
        folder = Path(name)
        stored, outside = copy_of_the_house(folder / "stored"), copy_of_the_house(folder / "outside")
        storage = ["--shared-fs-usage", "none", "--default-storage-provider", "fs"]
        storage += ["--default-storage-prefix", str(folder / "storage")]
        seconds = run_to_end(stored, [*WORDS, *storage], 2, stored / "out.log")
        print(f"the smoke study took {seconds:.0f} s through a storage", flush=True)
        run_to_end(outside, [*WORDS], 2, outside / "out.log")
        compare(folder / "storage/results", outside / "results", "storage")


if __name__ == "__main__":
    main()
