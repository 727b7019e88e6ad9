"""Predictions for an uploaded picture, which is not stored, and which pixels speak for them."""

import asyncio
from base64 import b64encode
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from bimodal.errors import InputError
from bimodal.review.api.common import shown
from bimodal.review.api.runs import TheRuns
from bimodal.review.recogniser import Explanation, Recogniser
from bimodal.review.run_list import RunList
from bimodal.review.uploads import Decoder
from bimodal.vision.pictures import UnreadableError

PATH, EXPLANATION = "/api/predict", "/api/predict/explanation"
router = APIRouter(tags=["predict"])
_turn = asyncio.Semaphore(4)  # so many uploads are in memory at the same time
_UPLOAD_S = 60.0
_BODY: dict[str, Any] = {"requestBody": {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}
Detect = Annotated[bool, Query(description="find and align the faces; false: the picture is one cropped face")]

Number = Annotated[
    int | None,
    Query(description="number of the run whose network predicts; without it, that of --model", ge=0, le=10**6),
]


class PredictedFaceOut(BaseModel):
    """A face: its box (left, top, width, height in pixels; none without detection), and the probability of each emotion."""

    box: tuple[float, float, float, float] | None
    score: float | None
    probabilities: dict[str, float]


class PredictionOut(BaseModel):
    """The faces of a picture, the largest first, by a network; `width` and `height` are those in which the boxes are."""

    network: str
    width: int
    height: int
    faces: list[PredictedFaceOut]
    note: str


class ExplanationOut(BaseModel):
    """How much each cell of a face speaks for an emotion (above 0) or against it, and the face as JPEG in base64.

    A value is the fall of the logarithm of the probability when the part around the cell is blurred.
    """

    emotion: str
    cells: list[list[float]]
    face: str


class NetworkOut(BaseModel):
    """A network for predictions: `run` is its number in `GET /api/runs`; null: the one of `bimodal review --model`.

    `is_aligned`: it was trained on aligned faces; otherwise its predictions on detected faces may be wrong.
    """

    run: int | None
    name: str
    is_aligned: bool


@router.get(f"{PATH}/networks")
def read_networks(request: Request, runs: TheRuns) -> list[NetworkOut]:
    """Return the networks that can predict: that of `--model`, first, and those of all finished runs."""
    recogniser: Recogniser = request.app.state.recogniser
    finished = [(number, runs.summary(number)) for number in runs.numbers()]
    return [
        NetworkOut(run=None, name=shown(recogniser.name), is_aligned=recogniser.is_aligned),
        *(
            NetworkOut(run=number, name=shown(run.name), is_aligned=run.is_aligned)
            for number, run in finished
            if run.is_finished
        ),
    ]


@router.post(PATH, openapi_extra=_BODY)
async def predict_picture(
    request: Request,
    runs: TheRuns,
    detect: Detect = True,
    run: Number = None,
    camera: Annotated[bool, Query(description="one of many frames: tiny faces are not looked for")] = False,
) -> PredictionOut:
    """Predict the emotions in a picture, the body of the request: at most 24 MiB and 40 megapixels, decoded within 10 seconds."""
    state = request.app.state
    async with _turn:
        content = await _body(request)
        return await run_in_threadpool(_predicted, state.decoder, state.recogniser, content, detect, camera, runs, run)


@router.post(EXPLANATION, openapi_extra=_BODY)
async def explain_picture(
    request: Request,
    runs: TheRuns,
    emotion: Annotated[str, Query(max_length=20)],
    face: Annotated[int, Query(description="number of the face, in the order of the prediction", ge=0, le=10_000)] = 0,
    detect: Detect = True,
    run: Number = None,
) -> ExplanationOut:
    """Return which pixels of a face speak for an emotion; the body is the picture, as in `POST /api/predict`."""
    state = request.app.state
    async with _turn:
        content = await _body(request)
        explain = partial(state.recogniser.explain, detect=detect, number=face, emotion=emotion)
        return await run_in_threadpool(_explained, state.decoder, explain, content, runs, run)


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(_UPLOAD_S):  # who stops in the middle would keep one of the four turns for ever
            return await request.body()
    except TimeoutError:
        raise HTTPException(408, f"the picture did not arrive within {_UPLOAD_S:g} seconds") from None


def _folder(runs: RunList, number: int | None) -> Path | None:
    if number is None:
        return None
    runs.numbers()
    try:
        return runs.path(number)
    except KeyError:
        raise HTTPException(404, "no such run") from None


def _predicted(
    decoder: Decoder,
    recogniser: Recogniser,
    content: bytes,
    detect: bool,
    camera: bool,
    runs: RunList,
    number: int | None,
) -> PredictionOut:
    run = _folder(runs, number)
    pixels = _decoded(decoder, content)
    result = recogniser.predict(pixels, detect, camera, run)
    emotions = recogniser.network(run).info.emotions
    faces = [
        PredictedFaceOut(
            box=face.box,
            score=face.score,
            probabilities={
                name: round(float(value), 4) for name, value in zip(emotions, face.probabilities, strict=True)
            },
        )
        for face in result.faces
    ]
    name = recogniser.name if number is None else runs.summary(number).name
    height, width = pixels.shape[:2]
    return PredictionOut(network=shown(name), width=width, height=height, faces=faces, note=result.problem)


def _explained(
    decoder: Decoder, explain: "partial[Explanation]", content: bytes, runs: RunList, number: int | None
) -> ExplanationOut:
    found = explain(_decoded(decoder, content), run=_folder(runs, number))
    buffer = BytesIO()
    Image.fromarray(found.face).save(buffer, "JPEG", quality=88)
    return ExplanationOut(
        emotion=explain.keywords["emotion"],
        cells=found.cells.round(4).tolist(),
        face=b64encode(buffer.getvalue()).decode(),
    )


def _decoded(decoder: Decoder, content: bytes) -> NDArray[np.uint8]:
    try:
        return decoder.decode(content)
    except UnreadableError as error:
        raise InputError(f"the picture cannot be read: {error}") from error
