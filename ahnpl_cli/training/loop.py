"""The training loop: fine-tune a model and save the results."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import torch
from torch import Tensor, nn

from ahnpl_cli.config import TrainConfig, flat, resolve_training, resolved
from ahnpl_cli.data.draw import Draw
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.errors import DataError, TrainingError
from ahnpl_cli.outputs import lock
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import DEAD_AFTER, StepReport, TrainReport, dead_terms
from ahnpl_cli.training.batch import OVERHEAD, make_batch
from ahnpl_cli.training.build import TrainingParts
from ahnpl_cli.training.checkpoints import last_good
from ahnpl_cli.training.diagnostics import describe, peak_memory_mb, scalars, status
from ahnpl_cli.training.distributed import StopRequest, end_by, is_first_process, local_share
from ahnpl_cli.training.encoders import set_train_mode
from ahnpl_cli.training.evaluating import best_step, evaluate_now
from ahnpl_cli.training.preflight import run_path
from ahnpl_cli.training.run import Run, captured_state, open_run
from ahnpl_cli.training.schedule import learning_rate
from ahnpl_cli.training.step import backward, compute_loss, encode, gather_features
from ahnpl_cli.workers import worker_errors

logger = logging.getLogger(__name__)
STARTING_PAIRS = 64  # of which `a` and margins are read, at least


def fit(config: TrainConfig, *, track: Track = silent) -> TrainReport:
    """Train, or resume an interrupted run of the same options.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: see `open_run` and `train`.
    """
    # torch says of a dead process wherever we are, in the ends of these contexts too.
    with worker_errors(receives=False), contextlib.ExitStack() as stack:
        if is_first_process():
            stack.enter_context(lock(run_path(config)))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        torch.manual_seed(config.seed)
        run = open_run(config, track=track)
        logger.info(
            "%s (%s): %d pairs, %d steps of %d, %s.",
            config.objective,
            config.fidelity,
            len(run.parts.data),
            run.parts.order.total,
            run.parts.order.batch_size,
            " + ".join(run.parts.objective.recipe.active),
        )
        description = f"train {config.objective}"
        # From here on a signal would lose steps; before, it may end the process as ever.
        stop = stack.enter_context(StopRequest())
        steps = train(run, stop)
        watched = track(
            steps,
            total=run.parts.order.total,
            description=description,
            unit="steps",
            done=run.state.step,
            describe=functools.partial(_say, run),
        )
        for _ in watched:
            pass
        return run.report()


def _say(run: Run, report: StepReport | None) -> str:
    """Return the line of a step that was logged."""
    if report is None:
        return ""
    order = run.parts.order
    return status(report, epochs=order.epochs, steps=order.total, batch_size=order.batch_size)


def train(run: Run, stop: StopRequest | None = None) -> Iterator[StepReport | None]:
    """Take the steps that are left; yields the report of each one that is logged, else None.

    Args:
        run: see `open_run`; its state moves on with each step.
        stop: notes signals; after one, the run is saved and the process ends.

    Raises:
        TrainingError: the loss or the gradient is not finite, or the loss exploded.
        DataError: an image cannot be decoded, and `--on-error` is stop.
    """
    config, parts, state = run.config, run.parts, run.state
    stop = stop or StopRequest()
    objective, device = parts.objective, parts.device
    peak = resolve_training(config).lr
    started = time.perf_counter()
    logged_at, logged_step = started, state.step
    _start_tracker(run)
    if objective.lacks_start:
        read_start(parts)
    # An interrupted run may have saved and not evaluated.
    evaluate_if_due(run, stop)
    for step, draw, loaded in batches(parts, first=state.step):
        _handle_unreadable(run, draw, loaded)
        epoch = parts.order.epoch(step)
        # The released code begins every epoch with margins of 0.
        if step % parts.order.epoch_steps == 0:
            objective.start_epoch()

        batch = make_batch(
            parts.data,
            draw,
            loaded,
            parts=config.memory.accumulate,
            overhead=OVERHEAD.get(device.type, 64),
            matching=objective.recipe.uses_matching,
        )
        plain = _is_plain(parts, step)
        teachers = {} if plain else parts.teachers
        encoded = encode(parts.encoders, batch, device, teachers)
        outcome = compute_loss(objective, encoded, plain=plain)
        # One wait for the GPU a step: the checks below cost no further one.
        loss = float(outcome.losses.total.detach())
        _check_finite(run, step, "the loss", loss)
        if state.guard.explodes(loss):
            why = f"the loss is {loss:.4g}, more than ten times that of the first steps"
            raise _stopped(run, step, why)

        report = None
        if parts.milestones.logs(step + 1):
            # Before anything moves: a, M and the features are those of this step.
            report = describe(outcome, objective, parts.data.kinds, step=step, epoch=epoch)

        scale = _gradient_scale(parts)
        backward(parts.encoders, objective, encoded, outcome, device=device, scale=scale)
        rate = learning_rate(
            step,
            peak=peak,
            warmup=config.optimizer.warmup,
            total=parts.order.total,
        )
        gradient_norm = _optimizer_step(run, step, rate)
        # Eq. 10: the margins of the next step come from the features of this one.
        objective.update(outcome.features)
        if state.ema:
            state.ema.update(parts.backbone.module.state_dict(), step)
        for teacher in parts.teachers.values():
            teacher.follow(parts.backbone.module)
        state.step = step + 1

        if report is not None:
            now = time.perf_counter()
            # Since the line before, so that saving and evaluating count.
            images = (state.step - logged_step) * parts.order.batch_size
            report = replace(
                report,
                lr=rate,
                grad_norm=gradient_norm if math.isfinite(gradient_norm) else None,
                images_per_second=images / (now - logged_at),
                memory_mb=peak_memory_mb(device),
                skipped=state.skipped,
            )
            logged_at, logged_step = now, state.step
            _log(run, report)
        if parts.milestones.saves(state.step):
            _save(run)
        signal = stop.received()
        if signal:
            _save_and_end(run, signal)
        evaluate_if_due(run, stop)
        state.seconds = time.perf_counter() - started
        yield report
    parts.accelerator.end_training()


def read_start(parts: TrainingParts) -> None:
    """Set what is `auto` from the similarities of the first pairs, before anything is trained."""
    overhead = OVERHEAD.get(parts.device.type, 64)
    positives: list[Tensor] = []
    gaps: list[Tensor] = []
    # As the model is, without dropout.
    parts.backbone.module.eval()
    with torch.no_grad():
        # A plain step would have no negatives to read.
        for step, draw, loaded in batches(parts, first=0, whole=True):
            batch = make_batch(parts.data, draw, loaded, overhead=overhead)
            features, _ = gather_features(encode(parts.encoders, batch, parts.device))
            positives.append(features.positive)
            gaps.append(features.gaps)
            pairs = sum(map(len, positives))
            if pairs >= STARTING_PAIRS or step + 1 == parts.order.epoch_steps:
                break
    set_train_mode(parts.backbone.module)
    objective = parts.objective
    waits_for_a, waits_for_spread = objective.a.isnan(), objective.spread.isnan()
    objective.read_start(torch.cat(positives), torch.cat(gaps))
    if waits_for_a:
        logger.info("Eq. 8's a starts at %.3f, read from %d pairs.", objective.a.item(), pairs)
    if waits_for_spread:
        what = "Margins that are auto are %.4f, the spread of S(I,T) - S(I,T_n) of %d pairs."
        logger.info(what, objective.spread.item(), pairs)


def _is_plain(parts: TrainingParts, step: int) -> bool:
    """Whether a step counted from 0 is one of plain contrast.

    The first of every few: logged are mostly the last of ten, which then show every term.
    """
    every = parts.objective.recipe.plain_every
    return every > 0 and step % every == 0


def batches(
    parts: TrainingParts, *, first: int, whole: bool = False
) -> Iterator[tuple[int, Draw, Loaded]]:
    """Yield step, texts and images of this process's share of each batch.

    Args:
        parts: what the run is made of.
        first: step to begin with.
        whole: whether plain steps have negatives too.
    """
    order, data = parts.order, parts.data
    drawn: deque[Draw] = deque()

    def pictures() -> Iterator[list[int]]:
        # Read ahead by the loader's workers, so that this runs some steps before the loop.
        for step in range(first, order.total):
            rows = local_share(data.rows[order.rows(step)])
            plain = not whole and _is_plain(parts, step)
            draw = data.draw(rows, seed=order.seed, epoch=order.epoch(step), plain=plain)
            drawn.append(draw)
            yield draw.pictures.tolist()

    for step, loaded in enumerate(parts.loader.batches(pictures(), first=first), start=first):
        yield step, drawn.popleft(), loaded


def _handle_unreadable(run: Run, draw: Draw, loaded: Loaded) -> None:
    """Raise on an unreadable image, or count and skip it."""
    state, data = run.state, run.parts.data
    for place, problem in loaded.problems.items():
        if place < len(draw.rows):
            # Several records may show one image: name the one that is left out.
            record = f"record '{data.ids[draw.rows[place]]}'"
        else:
            record = f"a picture of record '{data.record_of(int(draw.pictures[place]))}'"
        if run.config.on_error == "stop":
            hint = "Fix it, or leave such records out with --on-error skip."
            raise DataError(problem, where=record, hint=hint)
        state.skipped += 1
        if record not in state.warned:
            state.warned.add(record)
            logger.warning("Skipped %s: %s.", record, problem)
    if not len(draw.whole(loaded.kept.numpy())):
        raise _stopped(run, state.step, "no image in the batch could be decoded")


def _gradient_scale(parts: TrainingParts) -> float:
    """Return the factor of an fp16 scaler, which only a scaled tensor makes it settle on."""
    scaler = parts.accelerator.scaler
    return scaler.scale(torch.ones((), device=parts.device)).item() if scaler else 1.0


def _optimizer_step(run: Run, step: int, rate: float) -> float:
    """Move the weights; return the gradient's norm."""
    parts = run.parts
    optimizer, scaler = parts.optimizer, parts.accelerator.scaler
    for group in optimizer.param_groups:
        group["lr"] = rate
    if scaler:
        scaler.unscale_(optimizer)
    # The norm is of all that is trained, `a` included.
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    total_norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    norm = float(total_norm)
    # A scaler leaves such a step out and takes a smaller factor.
    if not scaler:
        _check_finite(run, step, "the gradient's norm", norm)
    if run.config.optimizer.grad_clip:
        nn.utils.clip_grads_with_norm_(parameters, run.config.optimizer.grad_clip, total_norm)
    if scaler:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()
    optimizer.zero_grad()
    parts.objective.project()
    parts.accelerator.unwrap_model(parts.encoders).clamp_logit_scale()
    return norm


def _check_finite(run: Run, step: int, name: str, value: float) -> None:
    """Stop a run whose loss or gradient is not a finite number."""
    if not math.isfinite(value):
        raise _stopped(run, step, f"{name} is {value}")


def _stopped(run: Run, step: int, why: str) -> TrainingError:
    """Return the error of a run that cannot continue, with where its last checkpoint is."""
    return TrainingError(
        f"training went wrong at step {step + 1}: {why}", hint=last_good(run.folder)
    )


def _start_tracker(run: Run) -> None:
    """Tell the tracker, if there is one, which run this is."""
    if run.config.run.tracker != "none" and run.remaining_steps:
        options = {name: str(value) for name, value in flat(resolved(run.config)).items()}
        run.parts.accelerator.init_trackers("ahnpl", config=options)


def _log(run: Run, report: StepReport) -> None:
    """Add a step to the metrics, and name the terms that died with it."""
    state = run.state
    state.metrics.append(report)
    dead = set(dead_terms(state.metrics))
    for name in sorted(dead - state.dead):
        note = f"{name} has given no gradient for {DEAD_AFTER} logged steps."
        state.notes.append(f"step {report.step}: {note}")
        logger.warning("Step %d: %s", report.step, note)
    state.dead = dead
    if run.writes:
        run.folder.append(report)
    run.parts.accelerator.log(scalars(report), step=report.step)


def _save(run: Run, *, keep: bool = True) -> None:
    """Write `last` and, as far as asked for, a checkpoint of this step.

    Args:
        run: the run.
        keep: whether a checkpoint of this step is kept; not so where a signal falls.
    """
    parts, state = run.parts, run.state
    if run.writes:
        model = parts.export.model(state.ema)
        saved = {**captured_state(parts, state), "weights": parts.export.trained_weights()}
        run.folder.save(model, saved, run.origin())
        if keep:
            run.folder.keep(model, state.step, most=run.config.run.keep, origin=run.origin())
    parts.accelerator.wait_for_everyone()


def _save_and_end(run: Run, signal: int) -> NoReturn:
    """Save what a signal would lose, say where the run continues, and end the process."""
    state = run.state
    if not run.parts.milestones.saves(state.step):
        _save(run, keep=False)
    total = run.parts.order.total
    logger.warning("Saved at step %d of %d; the same command continues there.", state.step, total)
    run.parts.accelerator.end_training()
    end_by(signal)


def evaluate_if_due(run: Run, stop: StopRequest) -> None:
    """Measure the newest checkpoint, unless that was done before an interruption.

    Everything is saved by then, so that a signal ends the process at once.
    """
    parts, state = run.parts, run.state
    if not parts.milestones.evaluates(state.step):
        return
    if not state.metrics or state.metrics[-1].evaluation:
        return
    # Of a run that logged at other steps before, the last line may be older.
    if state.metrics[-1].step != state.step:
        return
    if run.writes:
        with stop.at_once():
            values = evaluate_now(run.config, run.folder, state.step)
        state.metrics[-1] = replace(state.metrics[-1], evaluation=values)
        headlines = (f"{name} {value:.1f}" for name, value in values.items() if "." not in name)
        logger.info("Step %d: %s.", state.step, ", ".join(headlines))
        # Before the metrics say that it was measured: a kill in between measures it again.
        if best_step(state.metrics, run.config.run).get("step") == state.step:
            run.folder.keep_best(parts.export.model(state.ema), run.origin())
        run.folder.rewrite(state.metrics)
        numbers = {f"eval/{name}": value for name, value in values.items()}
        parts.accelerator.log(numbers, step=state.step)
    parts.accelerator.wait_for_everyone()
