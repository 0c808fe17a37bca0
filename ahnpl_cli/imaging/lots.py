"""The records of a block, with the captions and negatives that models add to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PIL.Image import Image

from ahnpl_cli.errors import DataError
from ahnpl_cli.imaging.blocks import Block, Counts
from ahnpl_cli.imaging.concepts import Conceiver
from ahnpl_cli.imaging.pictures import Original, read_original
from ahnpl_cli.imaging.plan import Plan
from ahnpl_cli.language_models import load_language_model
from ahnpl_cli.records import CaptionRecord, Negative, PartInfo

if TYPE_CHECKING:
    from ahnpl_cli.imaging.recaption import Recaptioner


@dataclass(frozen=True, slots=True)
class Item:
    """A record, with what is told of its new negatives.

    Attributes:
        key: names its pictures.
        number: in the file; of a new caption, that of the image's first.
        record: with all its negatives.
        descriptions: slot -> what a painter is told.
        new: whether a model wrote the caption.
    """

    key: str
    number: int
    record: CaptionRecord
    descriptions: dict[int, str] = field(default_factory=dict)
    new: bool = False


class Photos:
    """The photos of a block, each read once; a broken one is counted once."""

    def __init__(self, plan: Plan, counts: Counts) -> None:
        self._plan, self._counts = plan, counts
        self._read: dict[str, Original | None] = {}

    def read(self, image: str) -> Original | None:
        """Return a photo; None of a broken one, where these are left out.

        Raises:
            DataError: it is broken.
        """
        if image not in self._read:
            try:
                self._read[image] = read_original(self._plan.settings.image_root / image)
            except DataError as error:
                if not self._plan.skip_broken:
                    raise
                self._counts.skipped.append(str(error))
                self._read[image] = None
        return self._read[image]


class Lots:
    """Makes the items of a block.

    Args:
        plan: which models add to the records.

    Attributes:
        infos: what those models are.

    Raises:
        ModelError: one is unavailable.
    """

    def __init__(self, plan: Plan) -> None:
        self._recaptioner = _recaptioner(plan)
        self._conceiver = _conceiver(plan)
        self.infos: tuple[PartInfo, ...] = ()
        if self._recaptioner is not None:
            self.infos += (self._recaptioner.info,)
        if self._conceiver is not None:
            self.infos += (self._conceiver.model.info,)

    def items(self, block: Block, photos: Photos, counts: Counts) -> list[list[Item]]:
        """Return the records of each image, with what models add to them.

        Args:
            block: the records.
            photos: gives those that are captioned anew.
            counts: what was rejected is added here.
        """
        lots = [
            [
                Item(f"{number:08d}", number, record)
                for number, record in enumerate(group.records, group.start)
            ]
            for group in block.groups
        ]
        if self._recaptioner is not None:
            self._recaption(self._recaptioner, lots, photos)
        if self._conceiver is None:
            return lots
        records = [item.record for items in lots for item in items]
        extended, descriptions, rejected = self._conceiver.extend(records)
        counts.rejected.update({("concept", reason): n for reason, n in rejected.items()})
        new = iter(zip(extended, descriptions, strict=True))
        for index, items in enumerate(lots):
            changed: list[Item] = []
            for item in items:
                record, slots = next(new)
                # A caption that a model wrote is of use for its negatives alone.
                if record.negatives or not item.new:
                    changed.append(replace(item, record=record, descriptions=slots))
            lots[index] = changed
        return lots

    def _recaption(self, recaptioner: Recaptioner, lots: list[list[Item]], photos: Photos) -> None:
        """Add a caption to each image whose photo can be read."""
        readable: list[tuple[list[Item], Image]] = []
        for items in lots:
            original = photos.read(items[0].record.image)
            if original is not None:
                readable.append((items, original.image))
        captions = recaptioner.captions([image for _, image in readable])
        for (items, _), caption in zip(readable, captions, strict=True):
            first = items[0]
            if caption:
                record = CaptionRecord(f"{first.record.id}-recaption", first.record.image, caption)
                items.append(Item(f"{first.key}r", first.number, record, new=True))


def with_pictures(item: Item, shown: dict[tuple[str, int], Negative]) -> CaptionRecord:
    """Return a record with the pictures of its negatives, by key and slot."""
    negatives = tuple(
        shown.get((item.key, slot), negative) for slot, negative in enumerate(item.record.negatives)
    )
    return replace(item.record, negatives=negatives)


def _recaptioner(plan: Plan) -> Recaptioner | None:
    if plan.recaption is None:
        return None
    # It needs transformers, which takes a while to import.
    from ahnpl_cli.imaging.recaption import Recaptioner

    settings = plan.settings
    return Recaptioner(plan.recaption, settings.device, settings.batch_size)


def _conceiver(plan: Plan) -> Conceiver | None:
    concepts = plan.concepts
    settings = plan.settings
    if concepts is None:
        return None
    model = load_language_model(
        name=concepts.name,
        url=concepts.url,
        key_variable=concepts.key_variable,
        device=settings.device,
        batch_size=settings.batch_size,
        answers=concepts.answers,
    )
    return Conceiver(model, concepts.objects, concepts.variations, plan.seed)
