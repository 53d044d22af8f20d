"""Demo work: what a small shop might run in the background. Anyone who may run tasks may start these functions."""

from __future__ import annotations

import random
import time
from typing import Any

from monitoring.reporting import report_media, report_output, report_progress, report_service_request


class MailboxUnavailable(Exception):
    """The receiving server refuses the address for good."""


class UnsupportedCodec(Exception):
    """The video cannot be decoded."""


class CardDeclined(Exception):
    """The bank says no; asking again will not help."""


class GatewayTimeout(Exception):
    """The payment gateway did not answer in time; it may the next time."""


class LedgerLocked(Exception):
    """Another booking holds the account; it will be over in a moment."""


# --- For trying things out by hand --------------------------------------------------------------------------------


def echo(value: Any) -> Any:
    """Returns its argument."""
    return value


def sleep_for(seconds: float) -> str:
    """Sleeps, for trying out what runs long."""
    time.sleep(seconds)
    return f"slept for {seconds} s"


def fail_with(message: str) -> None:
    """Fails with the message."""
    raise RuntimeError(message)


# --- mail ---------------------------------------------------------------------------------------------------------


def send_welcome_mail(user_id: int, address: str) -> dict[str, Any]:
    """Greets a new customer; fails for addresses of bounce.example."""
    return _send(address, subject=f"Welcome, customer {user_id}")


def send_reminder(order: str, address: str) -> dict[str, Any]:
    """Reminds a customer of a cart that was left."""
    return _send(address, subject=f"Your order {order} is waiting")


def send_report(report: str, address: str) -> dict[str, Any]:
    """Mails a finished report."""
    return _send(address, subject=f"Report {report}")


def send_newsletter_batch(issue: int, recipients: int) -> dict[str, Any]:
    """Sends one batch of a newsletter and reports its progress."""
    for sent in range(0, recipients, max(1, recipients // 8)):
        report_progress(100 * sent / recipients, f"{sent} of {recipients} sent")
        _work(0.1, 0.25)
    return {"issue": issue, "sent": recipients}


def _send(address: str, *, subject: str) -> dict[str, Any]:
    _work(0.05, 0.4)
    report_service_request("mail-relay", recipient=address, subject=subject)
    if address.endswith("@bounce.example"):
        raise MailboxUnavailable(f"550 5.1.1 <{address}>: no such user here")
    return {"accepted": True, "address": address}


# --- media --------------------------------------------------------------------------------------------------------


def transcode_video(video: str, profile: str = "720p") -> dict[str, Any]:
    """Transcodes a video, reports its progress and the file it made; fails for the profile prores."""
    _work(0.3, 0.9)
    if profile == "prores":
        raise UnsupportedCodec(f"no decoder for {video}: codec prores")
    frames = random.randint(2_000, 6_000)  # noqa: S311  # a play, no secret
    for percent in range(0, 100, 10):
        report_progress(percent, f"frame {frames * percent // 100:,} of {frames:,}")
        _work(0.2, 0.5)
    report_media(f"https://media.example.com/{video}-{profile}.mp4", media_type="video", name=f"{video} ({profile})")
    return {"video": video, "frames": frames}


def make_thumbnails(video: str, count: int = 3) -> list[str]:
    """Makes still pictures of a transcoded video."""
    names = [f"{video}-{number}.jpg" for number in range(1, count + 1)]
    for number, name in enumerate(names, start=1):
        _work(0.1, 0.25)
        report_media(f"https://media.example.com/{name}", media_type="image", name=name)
        report_progress(100 * number / count, name)
    return names


# --- reports ------------------------------------------------------------------------------------------------------


def build_monthly_report(month: str, regions: int = 4) -> dict[str, Any]:
    """Builds a report region by region and writes down what it found."""
    total = 0
    for region in range(1, regions + 1):
        _work(0.3, 0.7)
        revenue = random.randint(20_000, 90_000)  # noqa: S311  # a play, no secret
        total += revenue
        report_output(f"region {region}: {revenue:,} EUR")
        report_progress(100 * region / regions, f"region {region} of {regions}")
    return {"month": month, "revenue": total}


def export_orders(day: str) -> dict[str, Any]:
    """Exports the orders of a day."""
    _work(0.4, 1.2)
    rows = random.randint(50, 900)  # noqa: S311  # a play, no secret
    report_output(f"orders-{day}.csv: {rows} rows")
    return {"day": day, "rows": rows}


# --- payments -----------------------------------------------------------------------------------------------------


def charge_card(order: str, amount_cents: int, card_token: str) -> dict[str, Any]:
    """Charges a card: tok_declined is always declined, tok_slow times out more often than not."""
    _work(0.15, 0.6)
    return _authorise(order, amount_cents, card_token)


def _authorise(order: str, amount_cents: int, card_token: str) -> dict[str, Any]:
    timed_out = card_token == "tok_slow" and _happens(0.6)  # noqa: S105  # names a behaviour, opens nothing
    report_service_request("payment-gateway", order=order, amount_cents=amount_cents, timed_out=timed_out)
    if timed_out:
        raise GatewayTimeout("payment-gateway did not answer within 600 ms")
    if card_token == "tok_declined":  # noqa: S105  # as above
        raise CardDeclined(f"order {order}: insufficient funds")
    return {"order": order, "charged_cents": amount_cents}


def refund(order: str, amount_cents: int) -> dict[str, Any]:
    """Gives money back; now and then the ledger is locked for a moment."""
    _work(0.1, 0.4)
    if _happens(0.25):
        raise LedgerLocked(f"booking for order {order} is in progress")
    return {"order": order, "refunded_cents": amount_cents}


def _work(shortest: float, longest: float) -> None:
    time.sleep(random.uniform(shortest, longest))  # noqa: S311  # a play, no secret


def _happens(chance: float) -> bool:
    return random.random() < chance  # noqa: S311  # a play, no secret
