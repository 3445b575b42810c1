// Asks the endpoint for a reset the way a customer's front end does, and shows its answer.

"use strict";

const form = document.querySelector("#reset");
const answer = document.querySelector("#answer");
const { lock8, password } = form.elements;

function showPasswordField() {
  document.querySelector("#new-password").hidden = !lock8.checked;
}

function show(sentence, kind) {
  answer.textContent = sentence;
  answer.className = `notice ${kind}`;
}

async function ask() {
  const fields = {
    client_id: lock8.checked ? "demo-lock8" : "demo",
    email: form.elements.email.value,
    connection: "Username-Password-Authentication",
  };
  if (lock8.checked) {
    fields.password = password.value;
  }
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify(fields),
  });
  const isJson = response.headers.get("Content-Type").startsWith("application/json");
  const body = isJson ? await response.json() : await response.text();
  if (response.ok) {
    show(body, "good");
  } else {
    show(reason(body) || `The server answered ${response.status}.`, "bad");
  }
}

function reason({ description, message, policy }) {
  // For a weak password the description is a list of rules for programs; the policy is its text.
  return typeof description === "string" ? description : [message, policy].filter(Boolean).join("\n");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show("Asking …", "");
  ask().catch(() => show("The server cannot be reached.", "bad"));
});
lock8.addEventListener("change", showPasswordField);
// Browsers restore the state of a switch when a page is loaded again.
showPasswordField();
