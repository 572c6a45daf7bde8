"""People in videos: a detector of people, then landmarks in turned squares that follow each of them.

Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", arXiv 2006.10204.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models2d.models.body_landmarks import KEYPOINTS, SIDE, Landmarks, find_landmarks
from models2d.models.person_detector import PersonDetector
from models2d.models.pose_model import FoundKeypoints
from models2d.models.turned_regions import cut_region, image_from_input, regions_around
from models2d.networks.device_network import DeviceNetwork
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Frames = Sequence[tuple[Image | None, ...]]
Place = tuple[int, int]

LEAST_SCORE = 0.5
"""Probability of a person below which a region is given up, and people are looked for again."""

ROUNDS = 3
"""How often detected people are put into slots of which the first turned out to be nobody, or the same."""

SAME_POSE = 0.25
"""Median distance of the keypoints of two regions, in half sides, below which they show one person."""


class _Looks(NamedTuple):
    """What was seen in the regions of some images, (images, slots, ...)."""

    found: FoundKeypoints
    score: Float
    following: Float

    def parts(self) -> tuple[Float, ...]:
        """Return all arrays."""
        return (*self.found, self.score, self.following)

    def take(self, at: NDArray[np.intp], other: "_Looks") -> None:
        """Put what was seen in other images into places of this."""
        for whole, part in zip(self.parts(), other.parts(), strict=True):
            whole[at] = part


class BlazePose:
    """The detector and the landmarks as one model, which follows people through frames.

    Parameters
    ----------
    detector : PersonDetector
    landmarks : DeviceNetwork
        See `body_landmarks`.
    individuals : int
        How many people at most are looked for in a view.

    Raises
    ------
    ValueError
        If that is less than one.
    """

    locate_every = 8

    def __init__(
        self,
        detector: PersonDetector,
        landmarks: DeviceNetwork,
        *,
        individuals: int = 1,
    ) -> None:
        if individuals < 1:
            raise ValueError(f"individuals: expected at least one person, got {individuals}")
        self.detector, self.landmarks = detector, landmarks
        self.individuals = individuals
        self.skeleton = Skeleton.load("blazepose33")

    def with_individuals(self, individuals: int) -> "BlazePose":
        """Return the same model for up to so many people in a view."""
        return BlazePose(self.detector, self.landmarks, individuals=individuals)

    def find_all(self, images: Sequence[Image]) -> list[FoundKeypoints]:
        """Find people in images that have nothing to do with each other.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        found : list of FoundKeypoints
            The surest people of each image.
        """
        found = self.find_through([(image,) for image in images], locate_every=1)
        return [_only_seen(views[0]) for views in found]

    def find_through(self, frames: Frames, *, locate_every: int = 8) -> list[list[FoundKeypoints]]:
        """Find people in consecutive frames of several views.

        Parameters
        ----------
        frames : sequence of tuple of (height, width, 3) uint8
            None where a camera has no image.
        locate_every : int
            The detector looks at every so many frames. In those between, each person's region follows from
            the landmarks of the frame before; where that loses somebody, the detector looks again.

        Returns
        -------
        found : list of list of FoundKeypoints
            For each frame and view, with a row for each individual, NaN where it was not seen: rows keep to
            a person from one look of the detector to the next.
        """
        views = len(frames[0]) if frames else 0
        following = np.full((len(frames), views, self.individuals, 4), np.nan)
        found: dict[Place, FoundKeypoints] = {}
        for step in range(min(locate_every, len(frames))):
            places = [
                (f, v)
                for f in range(step, len(frames), locate_every)
                for v in range(views)
                if frames[f][v] is not None
            ]
            images = [image for f, v in places if (image := frames[f][v]) is not None]
            before = [following[f - 1, v] if step else following[f, v] for f, v in places]
            looks = self._followed(images, np.array(before).reshape(-1, self.individuals, 4))
            for number, place in enumerate(places):
                following[place] = looks.following[number]
                found[place] = FoundKeypoints(*(part[number] for part in looks.found))
        nobody = self._nobody(1).found
        empty = FoundKeypoints(*(part[0] for part in nobody))
        return [[found.get((f, v), empty) for v in range(views)] for f in range(len(frames))]

    def _followed(self, images: Sequence[Image], regions: Float) -> _Looks:
        """Look into regions (images, slots, 4); where one has lost its person, or there is none, detect."""
        looks = self._look(images, regions)
        gone = np.isnan(looks.following[..., 0])
        lost = np.flatnonzero((gone & np.isfinite(regions[..., 0])).any(axis=1) | gone.all(axis=1))
        if not len(lost):
            return looks
        some = [images[int(number)] for number in lost]
        kept = np.where(gone[lost, :, None], np.nan, regions[lost])
        again = self._detected(some, kept, closer=self.individuals > 1)
        nobody = np.flatnonzero(np.isnan(again.score).all(axis=1))
        if self.individuals == 1 and len(nobody):
            closely = self._detected([some[int(n)] for n in nobody], kept[nobody], closer=True)
            again.take(nobody, closely)
        looks.take(lost, again)
        return looks

    def _detected(self, images: Sequence[Image], kept: Float, *, closer: bool) -> _Looks:
        """Look into regions that are kept, (images, slots, 4), and put detected people into free slots."""
        waiting = [list(people) for people in self.detector.locate(images, closer=closer)]
        kept, looks = kept.copy(), self._look(images, kept)
        for _ in range(ROUNDS):
            fresh, free = np.full_like(kept, np.nan), np.isnan(looks.score)
            for slots, empty, people in zip(fresh, free, waiting, strict=True):
                for slot in np.flatnonzero(empty)[: len(people)]:
                    slots[slot] = people.pop(0)
            at = np.flatnonzero(np.isfinite(fresh[..., 0]).any(axis=1))
            if not len(at):
                break
            # Where a detector puts a region is rougher than where landmarks do: look once more from there.
            some = [images[int(number)] for number in at]
            rough = self._look(some, fresh[at])
            kept[at] = np.where(free[at][..., None], rough.following, kept[at])
            looks.take(at, self._look(some, kept[at]))
        return looks

    def _look(self, images: Sequence[Image], regions: Float) -> _Looks:
        """Find the landmarks in regions (images, slots, 4); NaN where there is no region or no person."""
        looks = self._nobody(len(images))
        at = np.argwhere(np.isfinite(regions).all(axis=-1))
        if not len(at):
            return looks
        patches = np.stack([cut_region(images[n], regions[n, slot], SIDE) for n, slot in at])
        seen = find_landmarks(self.landmarks, patches)
        index = tuple(at.T)
        for whole, part in zip(looks.parts(), self._in_image(seen, regions[index]), strict=True):
            whole[index] = part
        for number in range(len(images)):
            twice = repeated(looks.found.xy[number], looks.score[number], regions[number])
            for whole in looks.parts():
                whole[number, twice] = np.nan
        return looks

    def _in_image(self, seen: Landmarks, regions: Float) -> tuple[Float, ...]:
        """Take landmarks (n, 39, ...) to the pixels of the images, NaN where there is no person."""
        maps = image_from_input(regions, SIDE)
        linear, shift = maps[:, None, :, :2], maps[:, None, :, 2]
        xy = np.einsum("nkij,nkj->nki", np.broadcast_to(linear, (*seen.xy.shape, 2)), seen.xy) + shift
        covariance = linear @ seen.covariance @ np.swapaxes(linear, -1, -2)
        there = seen.score >= LEAST_SCORE
        parts = (
            xy[:, :KEYPOINTS],
            seen.confidence[:, :KEYPOINTS],
            covariance[:, :KEYPOINTS],
            seen.score,
            regions_around(xy[:, KEYPOINTS : KEYPOINTS + 2]),
        )
        return tuple(np.where(there.reshape(-1, *[1] * (part.ndim - 1)), part, np.nan) for part in parts)

    def _nobody(self, images: int) -> _Looks:
        shape = (images, self.individuals, KEYPOINTS)
        found = FoundKeypoints(
            np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.full((*shape, 2, 2), np.nan)
        )
        return _Looks(found, np.full(shape[:2], np.nan), np.full((*shape[:2], 4), np.nan))


def repeated(xy: Float, score: Float, regions: Float) -> NDArray[np.bool_]:
    """Tell which slots show a person that a surer slot shows as well.

    Parameters
    ----------
    xy : (slots, keypoints, 2) float, px
        NaN where there is nobody.
    score : (slots,) float
    regions : (slots, 4) float, px

    Returns
    -------
    twice : (slots,) bool
    """
    twice = np.zeros(len(xy), dtype=bool)
    order = [slot for slot in np.argsort(-score, kind="stable") if np.isfinite(score[slot])]
    for place, slot in enumerate(order):
        half = np.linalg.norm(regions[slot, 2:])
        for surer in order[:place]:
            apart = np.median(np.linalg.norm(xy[slot] - xy[surer], axis=-1))
            twice[slot] |= not twice[surer] and apart < SAME_POSE * half
    return twice


def _only_seen(found: FoundKeypoints) -> FoundKeypoints:
    seen = np.isfinite(found.xy[:, 0, 0])
    return FoundKeypoints(*(part[seen] for part in found))
