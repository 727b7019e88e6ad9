"""`bimodal embed`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bimodal.cli.options import AddressOption
from bimodal.errors import InputError

_FORMATS = (".npz", ".csv")


def embed(
    data: Annotated[Path, typer.Argument(help="Data folder, made by bimodal prepare.", show_default=False)],
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="File to write; an existing one is replaced. NAME.npz: the arrays image and features (float32); NAME.csv: a "
            "row for each picture.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Network: a run folder, a published folder, an .onnx file, or a Hugging Face repository owner/name. "
            "(default: the network that comes with bimodal)",
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="In place of --model, a pretrained backbone of timm, for pictures of anything.", show_default=False
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of weights for --backbone. (default: its pretrained weights from the Hugging Face hub, fetched once)",
            show_default=False,
        ),
    ] = None,
    image_size: Annotated[int, typer.Option(help="Side of the input of --backbone, in pixels, 32 to 1024.")] = 224,
    address: AddressOption = None,
) -> None:
    """Compute the features of all pictures of a data folder by a frozen network.

    The features are averaged over each picture and its mirror image, in the order of DATA/manifest.csv. They are kept in
    DATA/.cache, so that a second call and bimodal audit read them.
    """
    import numpy as np
    from rich.console import Console

    from bimodal.data.manifest import Manifest
    from bimodal.files import write_atomically, write_csv
    from bimodal.inference.embed import embed as run

    if out.suffix not in _FORMATS:
        raise InputError(f"--out must end in {' or '.join(_FORMATS)}, got {out}")
    if address is not None:
        from bimodal.cluster.embedding import embed_shards

        embed_shards(data, model, backbone=backbone, weights=weights, image_size=image_size, address=address)
    features = run(data, model, backbone=backbone, weights=weights, image_size=image_size)
    images = Manifest.read(data).table["image"]
    if out.suffix == ".npz":
        arrays: dict[str, Any] = {"image": images.to_numpy(dtype=str), "features": features}
        write_atomically(out, lambda file: np.savez(file, **arrays))
    else:
        import pandas as pd

        table = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(features.shape[1])])
        table.insert(0, "image", images)
        write_csv(out, table)
    Console(soft_wrap=True).print(
        f"{len(features):,} pictures, {features.shape[1]:,} features each: {out}", highlight=False, markup=False
    )
