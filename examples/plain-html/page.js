const form = document.querySelector('#edit')
const wishes = document.querySelector('#wishes')
const button = document.querySelector('prompt-queue-generate')
const said = document.querySelector('#said')

// Who is signed in. With Supabase: (await supabase.auth.getSession()).data.session?.access_token
// A server that `make up` started asks nobody.
button.token = async () => sessionStorage.getItem('access-token') ?? ''

wishes.addEventListener('input', () => { button.instructions = wishes.value })

button.addEventListener('prompt-queue:done', ({ detail }) => {
  said.textContent = `The form has the prompt of ${detail.promptJobId}.`
})

// The button belongs to the form: its value is the prompt, under the name that it has.
form.addEventListener('submit', event => {
  event.preventDefault()
  said.textContent = `Sent: ${new FormData(form).get('prompt') ?? wishes.value}`
})
