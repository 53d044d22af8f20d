/** Filter forms: a choice applies at once, and what was left empty stays out of the address. */

for (const form of document.querySelectorAll("form[data-submits], form.bar-search")) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
}
