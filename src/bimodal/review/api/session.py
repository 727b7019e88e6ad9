"""The session of a browser: the token for a cookie, the header for writing, and the name of the reviewer."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field

from bimodal.review.api.common import access_of, checked_name, reviewer_cookie, reviewer_of
from bimodal.review.security import Access

router = APIRouter(prefix="/api/session", tags=["session"])
TheAccess = Annotated[Access, Depends(access_of)]


class SessionOut(BaseModel):
    """`csrf` is the value of the header X-CSRF-Token of every request that writes."""

    csrf: str
    reviewer: str


class TokenIn(BaseModel):
    """The token after `#token=` in the address that the terminal shows."""

    token: str = Field(max_length=200)


class ReviewerIn(BaseModel):
    """The name that the decisions get."""

    name: str = Field(max_length=1000)


@router.get("")
def read_session(request: Request, access: TheAccess) -> SessionOut:
    """Return what a caller needs to write."""
    if not access.is_known(request.headers):
        raise HTTPException(401, "open the address with #token= that the terminal shows")
    return SessionOut(csrf=access.csrf, reviewer=reviewer_of(request))


@router.post("", status_code=204)
def begin_session(token: TokenIn, response: Response, access: TheAccess) -> None:
    """Exchange the token for a cookie."""
    if not access.token:
        return
    if not access.knows_token(token.token):
        raise HTTPException(403, "the token is wrong or of an earlier start; open the address that the terminal shows")
    response.set_cookie(access.cookie, access.session, httponly=True, samesite="strict")


@router.post("/reviewer", status_code=204)
def name_reviewer(reviewer: ReviewerIn, response: Response) -> None:
    """Set the name that the decisions of this browser get."""
    response.set_cookie(**reviewer_cookie(checked_name(reviewer.name)))
