"""The suites of two images, several captions or several images, small, in the official layouts."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from layouts import draw, dump, sentence


class Group(NamedTuple):
    """Two images and two captions, as the plain loop has to see them: i goes with i."""

    images: tuple[Path, Path]
    texts: tuple[str, str]
    tags: tuple[str, ...]


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _group(
    folder: Path, key: str, tags: tuple[str, ...], suffix: str = ".png", seed: object = None
) -> Group:
    images = []
    for side in "ab":
        images.append(folder / f"{key}_{side}{suffix}")
        draw(images[-1], (key, side, seed))
    texts = (sentence((key, 0, seed)), sentence((key, 1, seed)))
    return Group(tuple(images), texts, tags)


BIVLC_TYPES = (("replace", "obj"), ("replace", "rel"), ("add", "att"), ("swap", "obj"))
BIVLC_COLUMNS = ("image", "caption", "negative_caption", "negative_image", "type", "subtype")


def write_bivlc(root: Path, n: int = 8) -> list[Group]:
    """Write `BiVLC.csv` as `ahnpl images --as-benchmark` does, and return its groups."""
    groups = []
    rows = []
    for i in range(n):
        kind, subtype = BIVLC_TYPES[i % 4]
        group = _group(root / "bivlc" / "images", f"b{i}", (kind, f"{kind} {subtype}"))
        groups.append(group)
        image, negative_image = (path.name for path in group.images)
        rows.append((image, *group.texts, negative_image, kind, subtype))
    write_csv(root / "bivlc" / "BiVLC.csv", BIVLC_COLUMNS, rows)
    return groups


def write_cola(root: Path, n: int = 6) -> list[Group]:
    """Write COLA's list of `[url, caption, url, caption]`."""
    groups = [_group(root / "vg_gqa_images", f"{i}", (), ".jpg") for i in range(n)]
    url = "https://cs-people.bu.edu/array/data/vg_gqa_images"
    records = []
    for group in groups:
        first, second = (f"{url}/{path.name}" for path in group.images)
        records.append([first, group.texts[0], second, group.texts[1]])
    dump(root / "cola" / "COLA_multiobjects_matching_benchmark.json", records)
    return groups


def write_colorswap(root: Path, n: int = 6) -> list[Group]:
    """Write ColorSwap's `test.json`."""
    groups = []
    records = []
    for i in range(n):
        author = ("human", "model")[i % 2]
        tags = (f"caption by {author}", "image by midjourney")
        group = _group(root / "colorswap" / "images", f"{i}", tags)
        groups.append(group)
        record = {"caption_source": author, "image_source": "midjourney"}
        for k in range(2):
            record |= {f"image_{k + 1}": f"images/{group.images[k].name}"}
            record |= {f"caption_{k + 1}": group.texts[k]}
        records.append(record)
    dump(root / "colorswap" / "test.json", records)
    return groups


PATTERNS = ("Color", "State", "Text")


def write_mmvp(root: Path, pairs: int = 6) -> list[Group]:
    """Write `Questions.csv` and a folder of images for each pattern; groups have the prompt."""
    groups = []
    rows = []
    for i in range(pairs):
        pattern = PATTERNS[i // 2]
        folder = root / "mmvp" / "MLLM_VLM Images" / pattern
        images = []
        texts = []
        for k in range(2):
            number = 2 * i + k + 1
            images.append(folder / f"{number}.jpg")
            draw(images[-1], ("mmvp", number))
            texts.append(sentence(("mmvp", number)))
            rows.append((number, pattern, texts[-1]))
        prompted = tuple(f"a photo of {text}" for text in texts)
        groups.append(Group(tuple(images), prompted, (pattern,)))
    header = ("Question ID", "Type", "Statement")
    write_csv(root / "mmvp" / "Questions.csv", header, rows)
    return groups


CATEGORIES = ("object", "attribute", "counting", "relation")
STRAIGHT = ("T0_I0 > T1_I0 & T1_I1 > T0_I1", "T0_I0 > T0_I1 & T1_I1 > T1_I0")
CROSSED = ("T1_I0 > T0_I0 & T0_I1 > T1_I1", "T0_I1 > T0_I0 & T1_I0 > T1_I1")


def write_vismin(root: Path, n: int = 8, shards: int = 2) -> list[Group]:
    """Write VisMin's Parquet shards, texts exchanged in every third row, and the solutions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    groups = []
    rows = []
    solutions = []
    for i in range(n):
        category = CATEGORIES[i % 4]
        group = _group(root / "drawn", f"v{i}", (category,))
        groups.append(group)
        is_crossed = i % 3 == 0
        texts = group.texts[::-1] if is_crossed else group.texts
        row = {"id": str(i), "category": category, "text_0": texts[0], "text_1": texts[1]}
        for k in range(2):
            row[f"image_{k}"] = {"bytes": group.images[k].read_bytes(), "path": f"image_{k}.png"}
        rows.append(row)
        solutions.append((i, *(CROSSED if is_crossed else STRAIGHT), category))
    folder = root / "vismin-bench" / "data"
    folder.mkdir(parents=True)
    size = n // shards
    for shard in range(shards):
        table = pa.Table.from_pylist(rows[shard * size : (shard + 1) * size])
        pq.write_table(table, folder / f"test-{shard:05d}-of-{shards:05d}.parquet")
    header = ("id", "Text", "Image", "category")
    write_csv(root / "vismin" / "sim_solution.csv", header, solutions)
    return groups


def write_eqben(root: Path, n: int = 6, *, flat: bool = False) -> list[Group]:
    """Write EqBen's 10 % subset, or the list in random order; frames share base names.

    Every second group is of YouCook2, whose frames are arrays with blue first.
    """
    groups = []
    records: list[dict[str, Any]] = []
    for i in range(n):
        data_set = ("eqbenag", "eqbenyoucook2")[i % 2]
        folder = root / "image_subset" / data_set / f"video{i}"
        group = _group(folder, "frame", (data_set,), seed=i)
        groups.append(group)
        names = []
        for path in group.images:
            name = path.relative_to(root / "image_subset")
            if data_set == "eqbenyoucook2":
                _as_array(path)
                name = name.with_suffix(".npy")
            names.append(str(name))
        if flat:
            records += _four_lines(data_set, i, names, group.texts)
            continue
        captions = [list(group.texts[:1]), group.texts[1]]  # Action Genome's are lists
        keys = ("image0", "image1", "caption0", "caption1")
        records.append(dict(zip(keys, (*names, *captions), strict=True)))
    name = "ann_json_finegrained_random" if flat else "eqben_subset_10percent_final"
    dump(root / "eqben" / f"{name}.json", records[::-1] if flat else records)
    return groups


def _as_array(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    np.save(path.with_suffix(".npy"), pixels[:, :, [2, 1, 0]])


def _four_lines(data_set: str, i: int, names: list[str], texts: Sequence[str]) -> list[Any]:
    lines = []
    for caption in range(2):
        for image in range(2):
            info = {"dataset": data_set, "sample_cnt": i, "name": f"c{caption}i{image}"}
            line = {"image": names[image], "caption": texts[caption], "private_info": info}
            lines.append(line)
    return lines


def write_negbench(root: Path, n: int = 9) -> Path:
    """Write a COCO and a VOC file of multiple choice; the right answer is always the first."""
    header = ("image_path", "correct_answer", *(f"caption_{k}" for k in range(4)))
    for data_set, folder in (("COCO_val", "val2017"), ("VOC2007", "VOC2007/JPEGImages")):
        rows = []
        for i in range(n):
            name = f"{i + 1:012d}.jpg" if folder == "val2017" else f"{i:06d}.jpg"
            draw(root / folder / name, (data_set, i))
            texts = [sentence((data_set, i, k)) for k in range(4)]
            template = ("positive", "negative", "hybrid")[i % 3]
            rows.append((f"data/coco/{folder}/{name}", 0, *texts, template))
        path = root / "negbench" / f"{data_set}_mcq_llama3.1_rephrased.csv"
        write_csv(path, (*header, "correct_answer_template"), rows)
    return root


def write_negated(root: Path, n: int = 5) -> Path:
    """Write NegBench's two retrieval files; one negated caption is empty, as in the published."""
    plain = []
    negated = []
    for i in range(n):
        name = f"{i + 1:012d}.jpg"
        draw(root / "val2017" / name, ("negated", i))
        captions = [sentence((i, k)) for k in range(3)]
        path = f"data/coco/images/val2017/{name}"
        plain.append(("[]", "[]", path, i, repr(captions)))
        said = [f"{caption}, but no car" for caption in captions]
        negated.append(("[]", "[]", path, i, repr([*said[:2], "" if i == 2 else said[2]])))
    header = ("positive_objects", "negative_objects", "filepath", "image_id", "captions")
    write_csv(root / "negbench" / "COCO_val_retrieval.csv", header, plain)
    name = "COCO_val_negated_retrieval_llama3.1_rephrased_affneg_true.csv"
    write_csv(root / "negbench" / name, header, negated)
    return root


def write_negrefcocog(root: Path, n: int = 6) -> Path:
    """Write phrases with two boxes of one photo, the right one first, with fractions."""
    records = []
    for i in range(n):
        name = f"COCO_train2014_{i:012d}.jpg"
        draw(root / "train2014" / name, ("neg", i), (64, 48))
        right, wrong = [3.6, 2.4, 29.5, 40.0], [20.5, 5, 40.2, 41.7]
        record = {"image": name, "phrase": sentence(("phrase", i)), "ref_bbox": right}
        records.append(record | {"bbox_list": [right, wrong]})
    dump(root / "NegRefCOCOg.json", records)
    return root


PLACES = {"A": ("left", "right", "on", "under"), "B": ("left", "right", "in-front", "behind")}


def write_whatsup(root: Path, sets: int = 3) -> Path:
    """Write all six files of What'sUp; paths are of the authors' disk, `data/...`."""
    for part, folder in (("A", "controlled_images"), ("B", "controlled_clevr")):
        records = []
        for i in range(sets):
            for place in PLACES[part]:
                of = f"{place}_of" if place != "on" and place != "under" else place
                name = f"mug{i}_{of}_table.jpeg"
                draw(root / "whatsup" / folder / name, (part, i, place))
                others = [f"mug {i} {other} table" for other in PLACES[part] if other != place]
                texts = [f"mug {i} {place} table", *others]
                path = f"data/{folder}/{name}"
                records.append({"image_path": path, "caption_options": texts})
        dump(root / "whatsup" / f"{folder.replace('images', 'images')}_dataset.json", records)
    for prefix, folder, name in (
        ("coco", "val2017", "{:012d}.jpg"),
        ("vg", "vg_images", "{}.jpg"),
    ):
        for objects in ("one", "two"):
            records = []
            for i in range(4):
                draw(root / "whatsup" / folder / name.format(i), (prefix, i))
                texts = [sentence((prefix, objects, i, k)) for k in range(2)]
                records.append([i, *texts])
            dump(root / "whatsup" / f"{prefix}_qa_{objects}_obj.json", records)
    return root


SPEC_SUBSETS = ("absolute_size", "relative_size", "absolute_spatial", "relative_spatial")
SPEC_SUBSETS += ("existence", "count")


def write_spec(root: Path, n: int = 4) -> Path:
    """Write both files of each of SPEC's subsets; images of subsets share base names."""
    for subset in SPEC_SUBSETS:
        folder = root / "spec" / subset
        to_text = []
        to_image = []
        for i in range(n):
            names = [f"images/{i}/{k}.png" for k in range(3)]
            for name in names:
                draw(folder / name, (subset, name))
            texts = [sentence((subset, i, k)) for k in range(3)]
            to_text.append({"query": names[0], "keys": texts, "label": i % 3})
            to_image.append({"query": texts[0], "keys": names, "label": i % 3})
        dump(folder / "image2text.json", to_text)
        dump(folder / "text2image.json", to_image)
    return root


def write_svo(root: Path, n: int = 6) -> Path:
    """Write `svo_probes.csv`; images are called by number."""
    rows = []
    for i in range(n):
        for number in (2 * i, 2 * i + 1):
            draw(root / "svo" / "images" / f"{number}.jpg", ("svo", number))
        flags = ["True" if i % 3 == k else "False" for k in range(3)]
        urls = ("http://a.org/x.jpg", "http://a.org/y.jpg")
        rows.append((sentence(("svo", i)), "a,b,c", "d,b,c", *urls, 2 * i, 2 * i + 1, *flags))
    header = "sentence pos_triplet neg_triplet pos_url neg_url pos_image_id neg_image_id"
    columns = (*header.split(), "subj_neg", "verb_neg", "obj_neg")
    write_csv(root / "svo" / "svo_probes.csv", columns, rows)
    return root


def write_cc_neg(root: Path, n: int = 5) -> Path:
    """Write CC-Neg as a table of text."""
    rows = []
    for i in range(n):
        draw(root / "ccneg" / "images" / f"{i}.jpg", ("cc", i))
        rows.append((f"images/{i}.jpg", sentence(i), f"{sentence(i)} and not a dog"))
    write_csv(root / "ccneg" / "ccneg.csv", ("image", "caption", "negated_caption"), rows)
    return root


def write_half_truths(root: Path, n: int = 6) -> Path:
    """Write a source as Parquet with its images, and one as JSON Lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = root / "half-truths"
    for source in ("coco_qwen", "coco_mistral"):
        rows = []
        for i in range(n):
            image = root / "drawn" / f"{source}_{i}.jpg"
            draw(image, (source, i))
            anchor = sentence((source, i), 3)
            row = {"id": str(i), "anchor": anchor, "triplet_type": ("entity", "relation")[i % 2]}
            row |= {"full_truth": f"{anchor} on a table", "half_truth": f"{anchor} on a horse"}
            row["image"] = {"bytes": image.read_bytes(), "path": image.name}
            rows.append(row)
        folder.mkdir(exist_ok=True)
        if source == "coco_qwen":
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{source}.parquet")
            continue
        lines = []
        for row in rows:
            name = row["image"]["path"]
            draw(folder / "photos" / name, (source, int(row["id"])))
            lines.append(json.dumps(row | {"image": f"photos/{name}"}))
        (folder / f"{source}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


# What writes each suite, by its name.
WRITERS = {
    "bivlc": write_bivlc,
    "cola": write_cola,
    "colorswap": write_colorswap,
    "mmvp-vlm": write_mmvp,
    "vismin": write_vismin,
    "eqben": write_eqben,
    "negbench": write_negbench,
    "negbench-retrieval": write_negated,
    "negrefcocog": write_negrefcocog,
    "whatsup": write_whatsup,
    "spec": write_spec,
    "svo-probes": write_svo,
    "cc-neg": write_cc_neg,
    "half-truths": write_half_truths,
}
