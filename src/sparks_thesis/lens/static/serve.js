// An image is explained as soon as it is dropped, pasted or chosen; one too large is not sent at all.
"use strict";

const form = document.getElementById("ask");
const image = document.getElementById("image");
const busy = document.getElementById("busy");
let last = null; // the example that was asked for last, if it was one

function say(text) {
  const message = document.getElementById("message");
  message.hidden = !text;
  message.textContent = text;
}

// Send the form and put the answer in its place; the form keeps the file, so that another model can be asked.
async function explain(example) {
  const [file] = image.files;
  last = example;
  if (!example && !file) return say("Choose an image first.");
  if (!example && file.size > Number(image.dataset.bytes)) {
    image.value = "";
    return say(image.dataset.tooLarge);
  }
  const sent = new FormData(form);
  if (example) {
    sent.delete("image");
    sent.append("example", example);
  }
  busy.textContent = "Explaining …";
  try {
    const answer = await fetch("/", { method: "POST", body: sent });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["result", "about"]) {
      document.getElementById(id).replaceWith(page.getElementById(id));
    }
    document.getElementById("answer")?.focus();
  } catch {
    say("The server does not answer: is it still running?");
  }
  busy.textContent = "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  explain(event.submitter?.name === "example" ? event.submitter.value : null);
});
image.addEventListener("change", () => explain(null));
document.getElementById("model")?.addEventListener("change", () => {
  if (last || image.files.length) explain(last);
  else location.search = new URLSearchParams({ model: document.getElementById("model").value });
});

function take(files) {
  if (!files.length) return;
  image.files = files;
  explain(null);
}

// A file dropped beside the field must not replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (event.target === image) return;
    event.preventDefault();
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData.files));
