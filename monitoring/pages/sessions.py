"""Coming and going: the login form and the way out."""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from audit import logins
from audit.sources import source_of
from monitoring.pages.forms import LoginForm


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """The login form; a person who is logged in already goes on to where they wanted to go."""
    if request.user.is_authenticated and request.method != "POST":
        return redirect(_destination(request))
    form = LoginForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _login_page(request, form, status=400 if form.is_bound else 200)
    name, password = form.cleaned_data["username"], form.cleaned_data["password"]
    try:
        user = logins.log_in(username=name, password=password, source=source_of(request.META))
    except logins.WrongCredentials as refusal:
        return _login_page(request, form, status=401, problem=f"{refusal}.")
    except logins.TooManyAttempts as refusal:
        response = _login_page(request, form, status=429, problem=str(refusal))
        response["Retry-After"] = str(refusal.retry_after_seconds)
        return response
    auth.login(request, user)
    return redirect(_destination(request))


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    auth.logout(request)
    return redirect("login")


def _login_page(request: HttpRequest, form: LoginForm, *, status: int, problem: str = "") -> HttpResponse:
    context = {"form": form, "problem": problem, "next": request.POST.get("next", request.GET.get("next", ""))}
    return render(request, "login.html", context, status=status)


def _destination(request: HttpRequest) -> str:
    """Where a person wanted to go, if that is a page of this site."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("overview")
