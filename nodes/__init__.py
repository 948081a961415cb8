"""Thin ComfyUI adapters over the library: each node validates, converts, calls, converts back."""

from . import _bridge
from ._ready import ready_before
from .anonymize import StyleIDAnonymize
from .attributes import StyleIDAttributeDistance, StyleIDDisentanglementScore
from .channels import StyleIDChannelMask, StyleIDSwapChannels
from .example import StyleIDExamplePhoto
from .faces import StyleIDDetectAndAlignFaces, StyleIDPasteFacesBack
from .latent import StyleIDDecodeWPlus, StyleIDEncodeToWPlus, StyleIDRandomIdentity, StyleIDSwapIdentityLayers
from .load import StyleIDLoadModels
from .metrics import StyleIDIdentityDistance
from .pixel import StyleIDMaskedIdentityBlend, StyleIDRandomTargetFromMask
from .privacy_report import StyleIDPrivacyReport
from .ranking import StyleIDRankChannels, StyleIDRankLayers
from .reach import StyleIDReachPrivacyTarget
from .regions import StyleIDParseFace, StyleIDRegionMask
from .reidentification import StyleIDIdentityDiversity, StyleIDReidentificationReport
from .release import StyleIDReleaseSet
from .save import StyleIDSaveAnonymizedImage
from .swapper import StyleIDSwapperNetSwap, StyleIDTrainSwapperNet
from .targets import StyleIDChooseTarget, StyleIDEditAttribute

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

_NODES = (
    StyleIDLoadModels,
    StyleIDExamplePhoto,
    StyleIDDetectAndAlignFaces,
    StyleIDPasteFacesBack,
    StyleIDParseFace,
    StyleIDRegionMask,
    StyleIDEncodeToWPlus,
    StyleIDDecodeWPlus,
    StyleIDRandomIdentity,
    StyleIDRankLayers,
    StyleIDChooseTarget,
    StyleIDEditAttribute,
    StyleIDSwapIdentityLayers,
    StyleIDRankChannels,
    StyleIDChannelMask,
    StyleIDSwapChannels,
    StyleIDSwapperNetSwap,
    StyleIDTrainSwapperNet,
    StyleIDRandomTargetFromMask,
    StyleIDMaskedIdentityBlend,
    StyleIDIdentityDistance,
    StyleIDAttributeDistance,
    StyleIDDisentanglementScore,
    StyleIDReidentificationReport,
    StyleIDIdentityDiversity,
    StyleIDPrivacyReport,
    StyleIDReachPrivacyTarget,
    StyleIDReleaseSet,
    StyleIDAnonymize,
    StyleIDSaveAnonymizedImage,
)

for _node in _NODES:
    ready_before(_node)

NODE_CLASS_MAPPINGS = {node.__name__: node for node in _NODES}
NODE_DISPLAY_NAME_MAPPINGS = {node.__name__: node.DISPLAY_NAME for node in _NODES}

_bridge.register_models()
