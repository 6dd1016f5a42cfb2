// An image is explained as soon as it is dropped or chosen; one too large is not sent at all.
"use strict";

const image = document.getElementById("image");
const message = document.getElementById("message");

image.addEventListener("change", () => {
  const [file] = image.files;
  const large = file && file.size > Number(image.dataset.bytes);
  message.hidden = !large;
  message.textContent = large ? image.dataset.told : "";
  if (large) image.value = "";
  else if (file) {
    document.getElementById("busy").textContent = "Explaining …";
    image.form.submit();
  }
});

// A file dropped beside the field must not replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (event.target !== image) event.preventDefault();
    if (kind === "drop" && event.target.closest?.(".drop") && event.target !== image) {
      image.files = event.dataTransfer.files;
      image.dispatchEvent(new Event("change"));
    }
  });
}
