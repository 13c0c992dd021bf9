"""Pretrained eyes: LPIPS, trunks, features, judges of what is shown, and the weights they need."""

from limbeck.percept.classifier import CLASSIFIER as CLASSIFIER
from limbeck.percept.classifier import Classifier as Classifier
from limbeck.percept.detector import COCO as COCO
from limbeck.percept.detector import DETECTOR as DETECTOR
from limbeck.percept.detector import Box as Box
from limbeck.percept.detector import Detector as Detector
from limbeck.percept.detector import kin as kin
from limbeck.percept.efficientnet import EfficientNetLite0 as EfficientNetLite0
from limbeck.percept.features import FeatureExtractor as FeatureExtractor
from limbeck.percept.features import Features as Features
from limbeck.percept.features import features_of as features_of
from limbeck.percept.inception import Inception as Inception
from limbeck.percept.inception import resize_tf1 as resize_tf1
from limbeck.percept.lpips import LPIPS as LPIPS
from limbeck.percept.lpips import at_least as at_least
from limbeck.percept.maps import FeatureMaps as FeatureMaps
from limbeck.percept.trunks import VGG16 as VGG16
from limbeck.percept.trunks import AlexNet as AlexNet
from limbeck.percept.weights import Weights as Weights
from limbeck.percept.weights import cache_folder as cache_folder
from limbeck.percept.weights import get_weights as get_weights
from limbeck.percept.weights import list_weights as list_weights
from limbeck.percept.weights import path_of as path_of
from limbeck.percept.weights import verify_weights as verify_weights

__all__ = [
    "CLASSIFIER",
    "COCO",
    "DETECTOR",
    "LPIPS",
    "VGG16",
    "AlexNet",
    "Box",
    "Classifier",
    "Detector",
    "EfficientNetLite0",
    "FeatureExtractor",
    "FeatureMaps",
    "Features",
    "Inception",
    "Weights",
    "at_least",
    "cache_folder",
    "features_of",
    "get_weights",
    "kin",
    "list_weights",
    "path_of",
    "resize_tf1",
    "verify_weights",
]
