"""The two small networks of the earlier work, as settings.

The paper (section 4) prints their accuracies and their inputs. It does not give widths, learning rates, epochs and the
epoch of the removal; the values here were chosen on drawn faces.
"""

from dataclasses import dataclass

from bimodal.settings import check_fields, check_range, option


@dataclass(frozen=True)
class NetSettings:
    """A small fully connected network and its training with Adam."""

    hidden: tuple[int, ...]  # widths of the hidden layers, 1 to 4096 each
    batch_norm: bool = option(False, "batch normalisation after each hidden layer")
    dropout: float = option(0.0, "dropout after each hidden layer", 0, 0.99)
    epochs: int = option(60, "passes over the training faces", 1, 100_000)
    batch_size: int = option(64, "faces a step", 1, 1_000_000)
    lr: float = option(3e-3, "learning rate", 1e-9, 10)

    def __post_init__(self) -> None:
        for width in self.hidden:
            check_range("hidden", width, 1, 4096, whole=True)
        check_fields(self)


SIMPLE = NetSettings(hidden=(32,))
DEEP = NetSettings(hidden=(128, 64, 32), batch_norm=True, dropout=0.5)
"""On drawn faces the validation loss is lowest near epoch 15 (`SIMPLE`) and 40 (`DEEP`); the accuracy of both is highest
near epoch 45."""
REMOVAL_EPOCH = 10
"""The epoch after which the paper's rule removes. On drawn faces with a tenth of the labels wrong, a quarter of the
removed labels were wrong after each epoch from 6 to 40."""
