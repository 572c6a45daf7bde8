"""Train a network on labelled frames; killed at any point, it goes on where it was."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models2d.decoding.temperature import fit_tail, fit_temperature
from models2d.errors import ModelError
from models2d.labels import Labels
from models2d.model_files.weights import load_model, save_model
from models2d.models.bottom_up import BottomUp
from models2d.models.pose_model import PoseModel
from models2d.networks.filling import fill
from models2d.networks.output import HeatmapOutput, PointOutput
from models2d.networks.registry import build, grouping
from models2d.training.augmentation import Augmentation
from models2d.training.dataset import Batch, Dataset, Sampling
from models2d.training.judging import judged, label_distances, truth, with_affinity
from models2d.training.losses import total_loss
from models2d.training.options import TrainingOptions
from models2d.training.run_folder import RunFolder
from models2d.training.scenes import Scenes
from models2d.training.targets import targets_of_everybody, targets_of_one

Progress = Callable[..., Iterable[Any]]


def train(
    labels: Labels,
    folder: str | Path,
    options: TrainingOptions | None = None,
    *,
    validation: Labels | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> PoseModel | BottomUp:
    """Train a network, or go on with a training that was interrupted.

    Where a frame has labels of several individuals, the network learns heatmaps of all of them, and tags
    (associative embedding) or pairwise vectors (DeeperCut) that say which keypoints are one individual's.

    Parameters
    ----------
    labels : Labels
    folder : path
        The run folder: `config.json`, `log.csv`, `curve.html`, `checkpoint.pt`, `best.safetensors`,
        `metrics.json`.
    options : TrainingOptions, optional
    validation : Labels, optional
        Frames to judge on; by default a tenth of the labelled ones are set aside where there are at least 20;
        views of an instant stay together.
    weights : path or str, optional
        Start from this model of the same network; tensors of other shape (another skeleton's head) start
        afresh.
    device : str, optional
        "cpu" or "cuda"; by default the graphics card where there is one.
    progress : callable, optional
        Wraps the steps as tqdm does.

    Returns
    -------
    model : PoseModel or BottomUp
        The best by validation error, its covariance calibrated on the validation frames. Among several
        individuals a keypoint that is not found counts as the diagonal of the box around the labels.

    Raises
    ------
    ModelError
        If images cannot be read, the folder holds a run with other options, the labels have several
        individuals in a frame and the network finds one, or the loss is no longer a number; the last good
        checkpoint stays.
    """
    if validation is None:
        labels, validation = _set_aside(labels, (options or TrainingOptions()).seed)
    options = _with_network(
        options or TrainingOptions(), len(labels.skeleton.keypoints), max(_most(labels), _most(validation))
    )
    run = RunFolder(Path(folder))
    run.begin(options, labels)
    trainer = _Trainer(options, labels, validation, run, device)
    if not trainer.resume() and weights is not None:
        _start_from(trainer.network, weights)
        trainer.average.load_state_dict(trainer.network.state_dict())
    trainer.go(progress)
    return trainer.finish()


class _Trainer:
    """The state of a training: what a checkpoint holds."""

    def __init__(
        self, options: TrainingOptions, labels: Labels, validation: Labels, run: RunFolder, device: str | None
    ) -> None:
        self.options, self.labels, self.run = options, labels, run
        recipe = options.recipe
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        sampling = Sampling(
            input_size=recipe.input_size,
            margin=recipe.margin,
            whole=1.0 if recipe.region == "frame" else options.whole,
        )
        self.data = (Scenes if recipe.individuals > 1 else Dataset)(
            labels, sampling, options.augmentation, options.seed
        )
        self.judge = Dataset(validation, sampling, Augmentation.none(), options.seed)
        keypoints = len(labels.skeleton.keypoints)
        torch.manual_seed(options.seed)
        self.network = build(recipe.architecture, keypoints, **recipe.options).to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = build(recipe.architecture, keypoints, **recipe.options).to(self.device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(_decayed(self.network, options.decay), lr=options.rate)
        on_card = self.device.type == "cuda"
        self.mixed = on_card if options.mixed is None else options.mixed
        self.short = torch.float16 if on_card else torch.bfloat16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.mixed and on_card)
        self.model = PoseModel(self.average, recipe, labels.skeleton, device=str(self.device))
        self.step, self.best, self.since_best = 0, math.inf, 0

    def resume(self) -> bool:
        """Load the checkpoint, where there is one."""
        parts = {name: getattr(self, name) for name in ("network", "average", "optimizer", "scaler")}
        state = self.run.restore(parts, self.device)
        if state is None:
            return False
        self.step, self.best, self.since_best = state["step"], state["best"], state["since_best"]
        self.run.cut_log(self.step)
        return True

    def go(self, progress: Progress | None) -> None:
        """Train up to the last step, or until nothing gets better."""
        options = self.options
        losses: list[float] = []
        batches = self.data.batches(self.step, options.steps, options.batch)
        if progress is not None and self.step < options.steps:
            batches = iter(progress(batches, desc="train", total=options.steps - self.step))
        for batch in batches:
            losses.append(self.one_step(batch))
            self.step += 1
            if self.step % options.evaluate_every == 0 or self.step == options.steps:
                self.evaluate(float(np.mean(losses)))
                losses = []
                if options.patience is not None and self.since_best >= options.patience:
                    break

    def one_step(self, batch: Batch) -> float:
        """Learn from one batch and return its loss."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate * schedule(self.step / self.options.steps)
        images = self.model.prepared(torch.from_numpy(batch.images).to(self.device))
        with torch.autocast(self.device.type, dtype=self.short, enabled=self.mixed):
            output = self.network(images)
        targets = {key: value.to(self.device) for key, value in self.targets(batch, output).items()}
        loss = total_loss(output, targets, self.options.hardest, getattr(self.network, "flow", None))
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss is {loss.item()} at step {self.step}: lower the learning rate "
                f"(now {self.options.rate:g}) or look for damaged images; the last good checkpoint is "
                f"{self.run.last_good()}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        _move_average(
            self.average, self.network, min(self.options.average, (1 + self.step) / (10 + self.step))
        )
        return float(loss.detach())

    def targets(self, batch: Batch, output: HeatmapOutput | PointOutput) -> dict[str, Tensor]:
        """Draw what should have been answered."""
        recipe, unlabelled = self.options.recipe, self.options.unlabelled
        if recipe.individuals > 1 and isinstance(output, HeatmapOutput):
            return targets_of_everybody(batch.xy, output, recipe, unlabelled)
        return targets_of_one(batch.xy, output, recipe, unlabelled)

    def present(self) -> PoseModel | BottomUp:
        """Return the model of the averaged weights; pairs are judged by augmented training frames."""
        recipe = self.options.recipe
        if recipe.individuals == 1:
            return self.model
        batches = (self.data.batch(self.step + number, self.options.batch) for number in range(4))
        return BottomUp(with_affinity(self.model, batches), recipe.individuals)

    def evaluate(self, loss: float) -> None:
        """Judge the averaged weights, write the log and the checkpoint, keep the best model."""
        model = self.present()
        residuals, _ = judged(model, self.judge)
        distance = label_distances(residuals, self.judge)
        rmse = float(np.sqrt(np.nanmean(distance**2)))
        better = rmse < self.best
        self.best, self.since_best = (rmse, 0) if better else (self.best, self.since_best + 1)
        if better:
            save_model(model, self.run.best)
        self.run.log(
            step=self.step,
            loss=loss,
            rate=self.optimizer.param_groups[0]["lr"],
            rmse_px=rmse,
            median_px=float(np.nanmedian(distance)),
        )
        self.run.save_checkpoint(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "step": self.step,
                "best": self.best,
                "since_best": self.since_best,
            }
        )

    def finish(self) -> PoseModel | BottomUp:
        """Load the best weights, calibrate their covariance and write the metrics."""
        best = load_model(self.run.best, device=str(self.device))
        if not isinstance(best, PoseModel | BottomUp):
            raise ModelError(f"{self.run.best} is not a model of this project")
        plain = best.with_temperature(np.ones(len(best.skeleton.keypoints)))
        residuals, covariance = judged(plain, self.judge)
        factors = fit_temperature(residuals, covariance)
        tail = fit_tail(residuals, covariance * factors[:, None, None])
        model = best.with_temperature(factors, tail)
        save_model(model, self.run.best)
        found = np.isfinite(residuals[..., 0]).sum() / max(np.isfinite(truth(self.judge)[..., 0]).sum(), 1)
        self.run.finish(label_distances(residuals, self.judge), self.labels.skeleton, self.step, float(found))
        return model


def schedule(done: float, warm_up: float = 0.03) -> float:
    """Learning rate relative to its highest: linear up, then half a cosine down to a hundredth.

    Parameters
    ----------
    done : float
        Part of the steps that are done.
    warm_up : float

    Returns
    -------
    rate : float

    Examples
    --------
    >>> schedule(0.03), round(schedule(1.0), 3)
    (1.0, 0.01)
    """
    if done < warm_up:
        return max(done / warm_up, 0.01)
    return 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _with_network(options: TrainingOptions, keypoints: int, most: int) -> TrainingOptions:
    """Take from the network's own answer its stride, and whether it can tell `most` individuals apart."""
    recipe = options.recipe
    width, height = recipe.input_size
    with torch.random.fork_rng(), torch.inference_mode():
        network = build(recipe.architecture, keypoints, **recipe.options).eval()
        try:
            answer = network(torch.zeros(1, 3, height, width))
        except RuntimeError as error:
            raise ModelError(
                f"the network {recipe.architecture!r} cannot look at {width} x {height} px ({error}); sides "
                "that are multiples of 32 suit every network"
            ) from error
    groups = isinstance(answer, HeatmapOutput) and not (answer.tags is None and answer.pairwise is None)
    if most > 1 and recipe.region != "box":
        if not groups:
            raise ModelError(
                f"the labels have {most} individuals in a frame, but the network {recipe.architecture!r} "
                f"finds one: choose an architecture that groups keypoints ({', '.join(grouping)}); or "
                "Recipe(region='box'), for a network that looks at boxes which a detector gives"
            )
        recipe = replace(recipe, region="frame", individuals=most)
    if options.augmentation.mosaic and recipe.individuals == 1:
        raise ModelError(
            "mosaic: these samples show one individual each, so a mosaic of four frames cannot be labelled; "
            "set it to 0, or train a network that groups keypoints on frames with several individuals"
        )
    if isinstance(answer, PointOutput):
        return replace(options, recipe=recipe)
    stride = 2 ** round(math.log2(width / answer.heatmaps.shape[3]))
    return replace(options, recipe=replace(recipe, stride=stride))


def _most(labels: Labels) -> int:
    """Count the individuals of the frame that has most."""
    return int(np.isfinite(labels.xy).all(axis=-1).any(axis=-1).sum(axis=1).max(initial=1))


def _set_aside(labels: Labels, seed: int) -> tuple[Labels, Labels]:
    if len(labels) < 20 or len(set(labels.instants.tolist())) < 2:
        return labels, labels
    return labels.split(0.9, seed)


def _decayed(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for kernels; biases and normalisation are left alone."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


@torch.no_grad()
def _move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _start_from(network: nn.Module, weights: str | Path) -> None:
    source = load_model(weights, device="cpu")
    source = source.model if isinstance(source, BottomUp) else source
    if not isinstance(source, PoseModel):
        raise ModelError(f"{weights}: training can only start from a model of this project")
    own = network.state_dict()
    fitting = {
        key: value
        for key, value in source.network.state_dict().items()
        if key in own and own[key].shape == value.shape
    }
    if len(fitting) < len(own) // 2:
        raise ModelError(f"{weights} is another network: only {len(fitting)} of {len(own)} tensors fit")
    fill(network, {**own, **fitting}, str(weights))
