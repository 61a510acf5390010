"""Real images, sounds and volumes as arrays, in the layouts that models and explainers take."""

from .corruptions import CORRUPTIONS, SEVERITIES, corrupt
from .images import image_folder, load_image
from .photographs import Photographs, class_names, imagenet_photographs
from .sounds import esc50, fit_duration, load_wav, resample, save_wav, wav_folder
from .volumes import medmnist3d, npy_folder, voxelize

__all__ = [
    "CORRUPTIONS",
    "SEVERITIES",
    "Photographs",
    "class_names",
    "corrupt",
    "esc50",
    "fit_duration",
    "image_folder",
    "imagenet_photographs",
    "load_image",
    "load_wav",
    "medmnist3d",
    "npy_folder",
    "resample",
    "save_wav",
    "voxelize",
    "wav_folder",
]
