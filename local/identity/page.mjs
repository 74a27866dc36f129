// The page on which a person says who they are: one button each, and one to cancel. No script, no password.
const STYLE = `
body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 34rem; padding: 0 1rem; color: #1b1b1b; background: #fff }
ul { list-style: none; padding: 0 }
li { margin: .75rem 0 }
button { font: inherit; width: 100%; text-align: left; padding: .75rem 1rem; border: 1px solid #5c5c5c; border-radius: .4rem; color: inherit; background: #f5f5f5; cursor: pointer }
button:focus-visible { outline: 3px solid #0b57d0; outline-offset: 2px }
small { display: block; color: #4a4a4a }
`;
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // No form-action: the form's response redirects to another origin, which Chromium and Safari would block.
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
};

const escape = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export function choose(response, { people, registration, reason }) {
  const buttons = people.map((person) => {
    const roles = person.roles?.[registration.name] ?? [];
    const may = roles.length > 0 ? roles.join(', ') : 'no role here';
    return `<li><button name="who" value="${escape(person.oid)}">Sign in as ${escape(person.name)}
      <small>${escape(person.mail)}: ${escape(may)}</small></button></li>`;
  });
  show(response, 200, 'Sign in', `
    <p>For ${escape(registration.name)}. ${escape(reason)}</p>
    <form method="post"><ul>${buttons.join('')}
      <li><button name="who" value="">Cancel <small>Nothing is sent in anybody's name</small></button></li></ul></form>`);
}

export function show(response, status, title, content) {
  response.writeHead(status, HEADERS).end(document(title, content));
}

/** A page for an error that cannot be sent to the client, because its address is unknown. */
export function failure(error) {
  return document('You cannot be signed in', `<p>${escape(error.error)}: ${escape(error.error_description)}</p>`);
}

function document(title, content) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)} (laptop)</title>
    <style>${STYLE}</style></head><body><main><h1>${escape(title)}</h1>${content}</main></body></html>`;
}
