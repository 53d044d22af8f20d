"""What happens in the shop: each scene enqueues the tasks that one event brings with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring import broker

REGRET_SECONDS = (3, 8)
"""After how long somebody changes their mind, and a waiting task is to be cancelled."""


class Shop:
    """Enqueues scene after scene, and remembers what is to be cancelled and when (``regrets``: job id → seconds)."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.regrets: dict[str, float] = {}

    def next_scene(self) -> None:
        """One event, drawn by its weight; raises broker.BrokerError."""
        self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0](self)

    def opening(self) -> None:
        """The first half minute: a bit of everything, so that each status is seen; raises broker.BrokerError."""
        self.upload(withdrawn=False)
        self.upload(withdrawn=True)
        self.abandoned_cart(regretted=True)
        self.checkout("tok_declined")
        self.checkout("tok_slow")
        self.month_end()
        self.sign_up(reminder_seconds=6)

    # --- Scenes ---------------------------------------------------------------------------------------------------

    def sign_up(self, reminder_seconds: float | None = None) -> None:
        """Somebody registers: a mail now, another later."""
        address = self._address()
        number = self.chance.randint(1_000, 99_999)
        self._start("send_welcome_mail", "mail", [number, address], by="web-shop", about=f"user-{number}")
        delay = reminder_seconds or self.chance.uniform(15, 90)
        self._start("send_reminder", "mail", [self._order(), address], by="web-shop", delay_seconds=delay)

    def newsletter(self) -> None:
        """The editors send a batch."""
        issue, size = self.chance.randint(80, 120), self.chance.choice([50, 100, 200])
        self._start("send_newsletter_batch", "mail", kwargs={"issue": issue, "recipients": size}, by="editors")

    def upload(self, *, withdrawn: bool | None = None) -> None:
        """A video comes in: transcode, then thumbnails, unless it is withdrawn meanwhile."""
        video = f"video-{self.chance.randint(100, 999)}"
        profile = self.chance.choice(["480p", "720p", "1080p"])
        transcoding = self._start("transcode_video", "media", [video], {"profile": profile}, by="studio", about=video)
        thumbnails = self._start("make_thumbnails", "media", [video], by="studio", about=video, after=[transcoding])
        if self._or_by_chance(withdrawn, 0.25):
            # Soon: while the transcoding before it still takes seconds.
            self.regrets[thumbnails] = 1.0

    def broken_upload(self) -> None:
        """A video that nobody can decode."""
        video = f"video-{self.chance.randint(100, 999)}"
        self._start("transcode_video", "media", [video], {"profile": "prores"}, by="studio", about=video)

    def month_end(self) -> None:
        """The accountants want a report, by mail."""
        month = f"{datetime.now(UTC) - timedelta(days=self.chance.randint(20, 400)):%Y-%m}"
        report = self._start("build_monthly_report", "reports", [month], by="accounting", about=month)
        self._start("send_report", "mail", [month, "books@example.com"], by="accounting", about=month, after=[report])

    def day_end(self) -> None:
        """An export of the day's orders."""
        day = f"{datetime.now(UTC) - timedelta(days=self.chance.randint(1, 30)):%Y-%m-%d}"
        self._start("export_orders", "reports", [day], by="accounting", about=day)

    def checkout(self, card_token: str = "") -> None:
        """Somebody pays. A time-out is tried again after a while; what the bank declines is not."""
        card_token = card_token or self.chance.choices(["tok_visa", "tok_slow", "tok_declined"], [80, 14, 6])[0]
        order = self._order()
        kwargs = {"order": order, "amount_cents": self.chance.randint(500, 40_000), "card_token": card_token}
        retries = 0 if card_token == "tok_declined" else 3  # noqa: S105  # names a behaviour, opens nothing
        self._start(
            "charge_card", "payments", kwargs=kwargs, by="web-shop", about=order, retries=retries, retry_delay_seconds=5
        )

    def returned_goods(self) -> None:
        """A refund, tried again at once when the ledger is locked."""
        order = self._order()
        self._start(
            "refund", "payments", [order, self.chance.randint(500, 9_000)], by="support", about=order, retries=2
        )

    def abandoned_cart(self, *, regretted: bool | None = None) -> None:
        """A reminder for later, which is cancelled when the customer comes back and pays."""
        order = self._order()
        reminder = self._start("send_reminder", "mail", [order, self._address()], by="web-shop", delay_seconds=60)
        if self._or_by_chance(regretted, 0.8):
            self.regrets[reminder] = self.chance.uniform(*REGRET_SECONDS)

    # --- Parts ----------------------------------------------------------------------------------------------------

    def _start(
        self,
        function: str,
        queue_name: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        by: str,
        about: str = "",
        **options: Any,
    ) -> str:
        meta = {
            "triggered_by": by,
            "origin_reference": about or (str(args[0]) if args else ""),
            "origin_tenant_id": self.chance.choice(["north", "south", "west"]),
        }
        return broker.enqueue(
            f"demo.tasks.{function}", queue_name=queue_name, args=args or (), kwargs=kwargs, meta=meta, **options
        )

    def _or_by_chance(self, decided: bool | None, chance: float) -> bool:
        return self.chance.random() < chance if decided is None else decided

    def _order(self) -> str:
        return f"order-{self.chance.randint(10_000, 99_999)}"

    def _address(self) -> str:
        name = self.chance.choice(["ada", "bo", "chen", "dina", "emil", "fay"])
        return (
            f"{name}{self.chance.randint(1, 99)}@{self.chance.choices(['example.com', 'bounce.example'], [95, 5])[0]}"
        )


WEIGHTS: dict[Callable[[Shop], None], float] = {
    Shop.checkout: 30,
    Shop.sign_up: 22,
    Shop.day_end: 12,
    Shop.newsletter: 8,
    Shop.abandoned_cart: 8,
    Shop.returned_goods: 8,
    Shop.upload: 6,
    Shop.month_end: 4,
    Shop.broken_upload: 2,
}
"""How often each scene is played, in relation to the others: about 0.8 s of work to a scene."""
