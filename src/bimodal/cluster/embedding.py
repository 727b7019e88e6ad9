"""Compute the features of a data folder in shards, into its cache: `embed` and `audit` then read them."""

from functools import lru_cache
from pathlib import Path

from bimodal.cluster.shards import run_shards
from bimodal.data.manifest import Manifest
from bimodal.experiments.jobs.job import Job
from bimodal.features.embedder import Embedder
from bimodal.features.shards import FeatureShards
from bimodal.inference.embed import choose_embedder

_Network = tuple[str | Path | None, str | None, str | Path | None, int]


def embed_shards(
    data: str | Path,
    model: str | Path | None = None,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int = 224,
    address: str | None = None,
) -> None:
    """Compute the features of all pictures of a data folder, shard by shard, and put them into its cache.

    The result is that of `features_of`, to the bit on processors of one kind. Pictures are decoded shard by shard, too.

    Args:
        data: the data folder; with a cluster, a path that all its machines have and can write to.
        model, backbone, weights, image_size: the network, as in `bimodal.embed`.
        address: of a Ray cluster: `auto`, `host:port` or `local`; None: in this process.

    Raises:
        InputError: a picture, the network or the address cannot be used.
    """
    network: _Network = (model, backbone, weights, image_size)
    data = Path(data).absolute()
    shards = FeatureShards(Manifest.read(data), _embedder(network))
    with shards.exclusively() as left:
        if left is None:
            return
        jobs = [
            Job(
                f"pictures {rows.start + 1:,} to {rows.stop:,}",
                embed_shard,
                {"data": data, "network": network, "start": rows.start, "stop": rows.stop},
                shards.folder / f"{rows.start}.log",
                result=shards.checksum_of(rows),
            )
            for rows in left
        ]
        run_shards(jobs, "computing features", address, len(shards.ranges))
        shards.join()


def embed_shard(data: Path, network: _Network, start: int, stop: int) -> None:
    """Compute the features of one shard, and write its file. A job."""
    _shards(data, network).compute(range(start, stop))


@lru_cache(maxsize=1)
def _shards(data: Path, network: _Network) -> FeatureShards:
    return FeatureShards(Manifest.read(data), _embedder(network))


@lru_cache(maxsize=1)
def _embedder(network: _Network) -> Embedder:
    return choose_embedder(*network)
