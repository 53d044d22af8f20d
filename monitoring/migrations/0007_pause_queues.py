from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0006_find_and_sort_at_any_size")]

    operations = []
