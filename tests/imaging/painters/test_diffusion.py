"""Pipelines of diffusers, small and random, loaded from folders and painting in batches."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from photos import RED, SIDE, draw_photo, job_of, replaced

pytest.importorskip("diffusers", reason="pip install '.[images]'")
from tiny_models import save_pipeline  # noqa: E402

from ahnpl_cli.config import ImagesConfig, PaintConfig, PartsConfig  # noqa: E402
from ahnpl_cli.data.jsonl import read_records  # noqa: E402
from ahnpl_cli.errors import ModelError  # noqa: E402
from ahnpl_cli.imaging.base import Canvas, Refusal, Settings  # noqa: E402
from ahnpl_cli.imaging.generate import generate  # noqa: E402
from ahnpl_cli.imaging.painters.diffusion import model_size  # noqa: E402
from ahnpl_cli.imaging.painters.edit import EditByInstruction  # noqa: E402
from ahnpl_cli.imaging.painters.generate import Generate  # noqa: E402
from ahnpl_cli.imaging.painters.inpaint import Inpaint  # noqa: E402
from ahnpl_cli.records import CaptionRecord  # noqa: E402

BOX = (20, 30, 90, 80)
PAINTERS = [
    (Inpaint, "inpaint", {}),
    (Generate, "text", {}),
    (EditByInstruction, "text", {"strength": 0.9}),
    (EditByInstruction, "instruct", {}),
]


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory):
    """Gives the folder of a tiny pipeline."""
    folder = tmp_path_factory.mktemp("pipelines")
    kinds = {"text": "text", "inpaint": "inpaint", "instruct": "instruct", "black": "inpaint"}

    def of(name):
        if not (folder / name).exists():
            save_pipeline(folder / name, kinds[name], checked=name == "black")
        return folder / name

    return of


def settings(folder, tmp_path, **options):
    wanted = {"steps": 2, "side": 32, **options}
    return Settings(tmp_path, painter_model=str(folder), **wanted)


def canvas(seed=1, size=SIDE, description=""):
    caption = "a red car on a street"
    record = CaptionRecord("1", "x.jpg", caption, (replaced(caption, "car", "truck", "object"),))
    mask = np.zeros(size[::-1], bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    image = draw_photo([(BOX, RED)]).resize(size)
    job = replace(job_of(record), seed=seed, description=description)
    return Canvas(job, image, (mask,))


def pixels(picture):
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize(("painter", "kind", "options"), PAINTERS)
def test_a_batch_paints_what_one_call_a_picture_paints(pipelines, tmp_path, painter, kind, options):
    made = painter(settings(pipelines(kind), tmp_path, **options))
    # A photo of another size in their midst cannot be in the same call.
    canvases = [canvas(1), canvas(2), canvas(3, size=(120, 160)), canvas(4)]
    batch = made.paint(canvases)
    for each, picture in zip(canvases, batch, strict=True):
        (alone,) = made.paint([each])
        assert picture.size == each.image.size
        assert np.abs(pixels(alone) - pixels(picture)).max() <= 2
    assert np.abs(pixels(batch[0]) - pixels(batch[1])).max() > 2


@pytest.mark.parametrize(("painter", "kind", "options"), PAINTERS)
def test_the_true_thing_is_painted_by_its_own_words(pipelines, tmp_path, painter, kind, options):
    made = painter(settings(pipelines(kind), tmp_path, **options))
    true = replace(canvas(), restore=True)
    assert "truck" in made.prompt(canvas()) and "truck" not in made.prompt(true)
    (new,), (old,) = made.paint([canvas()]), made.paint([true])
    assert np.abs(pixels(new) - pixels(old)).max() > 2
    assert made.info.license == "openrail++" and made.info.model == str(pipelines(kind))


def test_outside_of_the_mask_the_photo_keeps_its_bytes(pipelines, tmp_path):
    made = Inpaint(settings(pipelines("inpaint"), tmp_path))
    each = canvas()
    (picture,) = made.paint([each])
    far = np.ones(SIDE[::-1], bool)
    far[BOX[1] - 15 : BOX[3] + 15, BOX[0] - 15 : BOX[2] + 15] = False
    assert np.array_equal(np.asarray(picture)[far], np.asarray(each.image)[far])
    inside = np.abs(pixels(picture) - pixels(each.image))[40:70, 30:80]
    assert inside.mean() > 10


def test_a_description_is_what_the_model_is_told(pipelines, tmp_path):
    made = Inpaint(settings(pipelines("inpaint"), tmp_path))
    assert made.prompt(canvas()) == "red truck"
    assert made.prompt(canvas(description="a rusty old truck")) == "a rusty old truck"


def test_two_things_are_painted_one_after_the_other(pipelines, tmp_path, record_of):
    made = Inpaint(settings(pipelines("inpaint"), tmp_path))
    job = job_of(record_of(2))
    image = draw_photo([])
    masks = []
    for left in (10, 100):
        mask = np.zeros(SIDE[::-1], bool)
        mask[40:80, left : left + 40] = True
        masks.append(mask)
    (picture,) = made.paint([Canvas(job, image, tuple(masks))])
    changed = np.abs(pixels(picture) - pixels(image)).mean(2)
    assert changed[45:75, 15:45].mean() > 5 and changed[45:75, 105:135].mean() > 5
    assert changed[45:75, 65:85].max() == 0
    assert made.prompt(Canvas(job, image, tuple(masks))) == "dog, cat"


def test_a_blacked_out_picture_is_refused(pipelines, tmp_path):
    made = Inpaint(settings(pipelines("black"), tmp_path))
    assert made.paint([canvas(), canvas()]) == [Refusal("black picture")] * 2


def test_inpainting_needs_a_thing(pipelines, tmp_path, record_of):
    made = Inpaint(settings(pipelines("inpaint"), tmp_path))
    assert made.refuses(job_of(record_of(1)), None) is None
    assert made.refuses(job_of(record_of(3)), None) == "no painter"


@pytest.mark.parametrize(
    ("part", "name"), [("unet", "diffusion_pytorch_model"), ("text_encoder", "model")]
)
def test_pickled_weights_are_refused(pipelines, tmp_path, part, name):
    folder = tmp_path / "pickled"
    shutil.copytree(pipelines("text"), folder)
    import torch

    (folder / part / f"{name}.safetensors").unlink()
    torch.save({}, folder / part / f"{name.replace('model', 'pytorch_model')}.bin")
    torch.save({}, folder / part / f"{name}.bin")
    with pytest.raises(ModelError, match="would have to be unpickled"):
        Generate(settings(folder, tmp_path))


def test_a_folder_without_a_pipeline_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="no pipeline of diffusers, for want of model_index.json"):
        Generate(settings(tmp_path, tmp_path))
    with pytest.raises(ModelError, match="no such folder. Check --painter-model"):
        Generate(settings(tmp_path / "gone", tmp_path))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (512, 384)), ((100, 100), (512, 512)), ((30, 500), (32, 512))],
)
def test_sides_are_multiples_of_eight(size, expected):
    assert model_size(size, 512) == expected


class Stopped(Exception):
    pass


def stop_after(count):
    """A progress bar that ends the run after so many negatives."""

    def track(items, **options):
        for number, item in enumerate(items):
            if number == count:
                raise Stopped
            yield item

    return track


def test_whole_command_with_inpainting_resumes_to_the_same_bytes(
    photos, pipelines, tmp_path, monkeypatch
):
    pytest.importorskip("pycocotools", reason="pip install '.[images]'")
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    parts = PartsConfig(
        annotations=(str(photos / "instances.json"),),
        painter=("recolor", "inpaint"),
        painter_model=str(pipelines("inpaint")),
    )
    paint = PaintConfig(steps=1, side=32, repaint_original=True, min_change=0)
    config = ImagesConfig(parts=parts, paint=paint, batch_size=2)

    def files(folder):
        found = (path for path in folder.rglob("*") if path.is_file() and ".meta." not in path.name)
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}

    whole = generate(photos / "negatives.jsonl", tmp_path / "whole", config)
    assert whole.painted == {"recolor": 1, "inpaint": 2}
    with pytest.raises(Stopped):
        generate(photos / "negatives.jsonl", tmp_path / "cut", config, track=stop_after(3))
    resumed = generate(photos / "negatives.jsonl", tmp_path / "cut", config)
    assert resumed.resumed > 0 and resumed.painted == whole.painted
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    painted = [
        negative
        for record in read_records(tmp_path / "whole" / "images.jsonl")
        for negative in record.negatives
        if negative.painter and negative.painter.engine == "inpaint"
    ]
    assert {n.painter.prompt for n in painted} == {"red truck", "dog, cat"}
    assert all(n.painter.seed is not None and n.painter.repainted for n in painted)
    assert whole.options["batch_size"] == 2 and whole.options["device"] == "cpu"
