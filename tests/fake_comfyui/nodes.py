"""Kinds of nodes that the fake has: what they take and give, as `/object_info` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SAMPLERS, SCHEDULERS = ["euler", "heun"], ["normal", "simple"]
MOST = {"SEED": 2**64 - 1, "INT": 50_000_000, "FLOAT": 1e9}
LISTS = {
    "samplers": SAMPLERS,
    "schedulers": SCHEDULERS,
    "crops": ["center", "none"],
    "algorithms": ["surface net", "basic"],
    "dtypes": ["default", "fp8_e4m3fn"],
    "resolutions": ["32", "64"],
    "placements": ["midpoint", "qem"],
    "segmenters": ["pec", "adaptive"],
}
S = ".safetensors"
FILES = {  # that are downloaded; a test removes what it wants to be missing
    "checkpoints": ["hunyuan_3d_v2.1" + S, "sd15" + S],
    "diffusion_models": ["trellis_2_int8_convrot" + S],
    "clip_vision": ["dino_v3_L_naf_fp32" + S],
    "vae": ["trellis_2_shape_vae_bf16" + S, "trellis_2_texture_vae_bf16" + S],
    "background_removal": ["birefnet" + S],
}


@dataclass(frozen=True)
class Kind:
    """Inputs as `name:TYPE`, optional ones with a question mark; `@list` and `#folder` stand for choices."""

    takes: str
    gives: str = ""
    is_output: bool = False

    def inputs(self, *, optional: bool) -> dict[str, str]:
        pairs = [each.split(":") for each in self.takes.split() if each.startswith("?") is optional]
        return {name.lstrip("?"): type_ for name, type_ in pairs}


K = "model:MODEL positive:COND negative:COND latent_image:LATENT seed:SEED steps:INT cfg:FLOAT"
KINDS: dict[str, Kind] = {
    "LoadImage": Kind("image:PICTURE", "IMAGE MASK"),
    "ImageOnlyCheckpointLoader": Kind("ckpt_name:#checkpoints", "MODEL CLIP_VISION VAE"),
    "ModelSamplingAuraFlow": Kind("model:MODEL shift:FLOAT", "MODEL"),
    "EmptyLatentHunyuan3Dv2": Kind("resolution:INT batch_size:INT", "LATENT"),
    "CLIPVisionEncode": Kind("clip_vision:CLIP_VISION image:IMAGE crop:@crops", "SEEN"),
    "Hunyuan3Dv2Conditioning": Kind("clip_vision_output:SEEN", "COND COND"),
    "Hunyuan3Dv2ConditioningMultiView": Kind("?front:SEEN ?left:SEEN ?back:SEEN ?right:SEEN", "COND COND"),
    "CLIPTextEncode": Kind("text:STRING clip:CLIP", "COND"),
    "CheckpointLoaderSimple": Kind("ckpt_name:#checkpoints", "MODEL CLIP VAE"),
    "KSampler": Kind(f"{K} sampler_name:@samplers scheduler:@schedulers denoise:FLOAT", "LATENT"),
    "VAEDecodeHunyuan3D": Kind("samples:LATENT vae:VAE num_chunks:INT octree_resolution:INT", "VOXEL"),
    "VoxelToMesh": Kind("voxel:VOXEL algorithm:@algorithms threshold:FLOAT", "MESH"),
    "SaveGLB": Kind("mesh:MESH filename_prefix:STRING", is_output=True),
    "Save3DAdvanced": Kind("mesh:MESH filename_prefix:STRING", is_output=True),
    "PackPicturesToMesh": Kind("image:IMAGE ?left:IMAGE ?back:IMAGE seed:SEED", "MESH"),
    "PackWordsToMesh": Kind("text:STRING seed:SEED", "MESH"),
    "PackSaveGLB": Kind("mesh:MESH filename_prefix:STRING", is_output=True),
    "Preview3D": Kind("mesh:MESH", is_output=True),
    "Preview3DAdvanced": Kind("mesh:MESH", is_output=True),
    "PreviewImage": Kind("images:IMAGE", is_output=True),
    "SaveImage": Kind("images:IMAGE filename_prefix:STRING", is_output=True),
    "PrimitiveInt": Kind("value:SEED", "INT"),
    "LoadBackgroundRemovalModel": Kind("bg_removal_name:#background_removal", "BG"),
    "RemoveBackground": Kind("bg_removal_model:BG image:IMAGE", "MASK"),
    "ImageCropToMask": Kind(
        "images:IMAGE masks:MASK width:INT height:INT pad_factor:FLOAT grow_mask:INT background:STRING", "IMAGE"
    ),
    "CLIPVisionLoader": Kind("clip_name:#clip_vision", "CLIP_VISION"),
    "Trellis2Conditioning": Kind("clip_vision_model:CLIP_VISION image:IMAGE", "COND COND"),
    "UNETLoader": Kind("unet_name:#diffusion_models weight_dtype:@dtypes", "MODEL"),
    "VAELoader": Kind("vae_name:#vae", "VAE"),
    "CFGOverride": Kind("model:MODEL cfg:FLOAT start_percent:FLOAT end_percent:FLOAT", "MODEL"),
    "RescaleCFG": Kind("model:MODEL multiplier:FLOAT", "MODEL"),
    "ModelSamplingSD3": Kind("model:MODEL shift:FLOAT", "MODEL"),
    "EmptyTrellis2LatentStructure": Kind("batch_size:INT", "LATENT"),
    "VaeDecodeStructureTrellis2": Kind("samples:LATENT vae:VAE resolution:@resolutions", "VOXEL"),
    "Trellis2ShapeStage": Kind("positive:COND negative:COND voxel:VOXEL", "COND COND LATENT"),
    "Trellis2UpsampleStage": Kind(
        "positive:COND negative:COND shape_latent:LATENT vae:VAE target_resolution:INT", "COND COND LATENT"
    ),
    "VaeDecodeShapeTrellis": Kind("samples:LATENT vae:VAE", "MESH SUBDIVIDES"),
    "Trellis2TextureStage": Kind("positive:COND negative:COND shape_latent:LATENT", "COND COND LATENT"),
    "VaeDecodeTextureTrellis": Kind("samples:LATENT vae:VAE shape_subdivides:SUBDIVIDES", "VOXEL"),
    "DecimateMesh": Kind("mesh:MESH target_face_count:INT placement_mode:@placements", "MESH"),
    "MeshSmoothNormals": Kind("mesh:MESH crease_angle:FLOAT", "MESH"),
    "UnwrapMesh": Kind("mesh:MESH segmenter:@segmenters resolution:INT padding:INT weld_distance:FLOAT", "MESH"),
    "BakeTextureFromVoxel": Kind(
        "mesh:MESH voxel_colors:VOXEL texture_size:INT ?reference_mesh:MESH", "IMAGE IMAGE IMAGE"
    ),
    "ApplyTextureToMesh": Kind("mesh:MESH base_color:IMAGE ?metallic:IMAGE ?roughness:IMAGE", "MESH"),
}


def options(type_: str, files: dict[str, list[str]]) -> list[str] | None:
    """The values that an input takes; None when it takes any."""
    if type_.startswith("#"):
        return files[type_[1:]]
    return LISTS[type_[1:]] if type_.startswith("@") else None


def object_info(name: str, kind: Kind, files: dict[str, list[str]]) -> dict[str, Any]:
    """As the server tells it: older nodes list choices bare, newer ones under `options`."""

    def spec(type_: str) -> list[Any]:
        if type_ == "PICTURE":
            return [["example.png"], {"image_upload": True}]
        if type_ in MOST:
            return ["INT" if type_ == "SEED" else type_, {"default": 0, "min": 0, "max": MOST[type_]}]
        offered = options(type_, files)
        if offered is None:
            return [type_, {}]
        return [offered] if type_.startswith("#") else ["COMBO", {"options": offered}]

    both = {
        word: {each: spec(type_) for each, type_ in kind.inputs(optional=word == "optional").items()}
        for word in ("required", "optional")
    }
    return {"input": both, "output": kind.gives.split(), "output_node": kind.is_output, "name": name}
