"""Predictions for an uploaded picture, which is not stored."""

import asyncio
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.load import load
from bimodal.inference.pipeline import run_inference
from bimodal.model_files.network import Network
from bimodal.review.api.common import TheWorkspace
from bimodal.review.uploads import Decoder
from bimodal.vision.pictures import UnreadableError

PATH = "/api/predict"
router = APIRouter(tags=["predict"])
_turn = asyncio.Semaphore(4)  # so many uploads are in memory at the same time


class PredictedFaceOut(BaseModel):
    """A face: its box (left, top, width, height in pixels; none without detection), and the probability of each emotion."""

    box: tuple[float, float, float, float] | None
    score: float | None
    probabilities: dict[str, float]


class PredictionOut(BaseModel):
    """The faces of a picture, the largest first; `width` and `height` are those in which the boxes are."""

    width: int
    height: int
    faces: list[PredictedFaceOut]
    note: str


@router.post(
    PATH, openapi_extra={"requestBody": {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}
)
async def predict_picture(
    request: Request,
    workspace: TheWorkspace,
    detect: Annotated[
        bool, Query(description="find and align the faces; false: the picture is one cropped face")
    ] = True,
) -> PredictionOut:
    """Predict the emotions in a picture, the body of the request: at most 24 MiB and 40 megapixels, decoded within 10 seconds."""
    config = InferenceConfig(detect=detect, detector=workspace.detector if detect else None, threads=1)
    async with _turn:
        content = await request.body()
        return await run_in_threadpool(_predicted, request.app.state.decoder, content, config)


def _predicted(decoder: Decoder, content: bytes, config: InferenceConfig) -> PredictionOut:
    try:
        pixels = decoder.decode(content)
    except UnreadableError as error:
        raise InputError(f"the picture cannot be read: {error}") from error
    network = _network()
    (result,) = run_inference([Frame("upload", pixels)], network, config)
    faces = [
        PredictedFaceOut(
            box=face.box,
            score=face.score,
            probabilities={
                name: round(float(value), 4)
                for name, value in zip(network.info.emotions, face.probabilities, strict=True)
            },
        )
        for face in result.faces
    ]
    return PredictionOut(width=pixels.shape[1], height=pixels.shape[0], faces=faces, note=result.problem)


@cache
def _network() -> Network:
    return load()
