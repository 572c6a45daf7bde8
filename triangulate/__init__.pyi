"""From views to space: triangulation, smoothing, files, figures and the command line."""

from .association.subjects import associate as associate
from .camera_fit.fitting import fit_cameras as fit_cameras
from .camera_fit.priors import CameraPriors as CameraPriors
from .camera_fit.refined import RefinedCameras as RefinedCameras
from .camera_fit.time_offsets import find_offsets as find_offsets
from .common_clock import on_common_clock as on_common_clock
from .ensemble import combine as combine
from .errors import ProjectError as ProjectError
from .errors import TriangulationError as TriangulationError
from .export.formats import read as read
from .export.formats import write as write
from .filters import (
    butterworth as butterworth,
)
from .filters import (
    one_euro as one_euro,
)
from .filters import (
    savitzky_golay as savitzky_golay,
)
from .kalman_filter import kalman as kalman
from .kinematics import joint_angles as joint_angles
from .kinematics import speeds as speeds
from .network_errors import shared_error as shared_error
from .other_skeleton import in_skeleton as in_skeleton
from .points.reconstruction import reconstruct as reconstruct
from .points.reconstruction import status_counts as status_counts
from .points.solving import (
    SolvedPoints as SolvedPoints,
)
from .points.solving import (
    solve_candidates as solve_candidates,
)
from .points.solving import (
    solve_points as solve_points,
)
from .points.solving import (
    triangulate_points as triangulate_points,
)
from .reporting.figures import figure as figure
from .reporting.report import write_report as write_report
from .smoothing.draws import draw_trajectories as draw_trajectories
from .smoothing.smoother import smooth as smooth
from .smoothing.solve_report import SolveReport as SolveReport
from .smoothing.stated_limits import JointLimit as JointLimit
from .smoothing.stated_limits import read_joint_limits as read_joint_limits
from .swaps import unswap as unswap
from .time_offsets import TimeOffsets as TimeOffsets
from .trajectories import Status as Status
from .trajectories import Trajectories3D as Trajectories3D

__version__: str
