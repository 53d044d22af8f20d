"""An index for what was refused or failed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_operators_trail")]

    operations = [
        migrations.AddIndex(
            model_name="operatoraction",
            index=models.Index(fields=["outcome", "number"], name="deed_outcome"),
        ),
    ]
