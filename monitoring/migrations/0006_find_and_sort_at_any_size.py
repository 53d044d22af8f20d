from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0005_find_types_by_any_part")]

    operations = []
