"""The forms of the pages."""

from __future__ import annotations

from django import forms


class LoginForm(forms.Form):
    """Name and password; who they belong to is decided by ``audit.logins``."""

    username = forms.CharField(max_length=150, strip=False)
    password = forms.CharField(max_length=4096, strip=False)
