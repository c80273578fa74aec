import { createServerClient } from '@supabase/ssr'
import { cookies } from 'next/headers'

const url = process.env.NEXT_PUBLIC_SUPABASE_URL
const key = process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY

export const asksWhoItIs = Boolean(url && key)

/** The user of the request's session, checked with Supabase, or null. */
export async function signedInUser (): Promise<string | null> {
  if (!url || !key) return null
  const store = await cookies()
  const supabase = createServerClient(url, key, {
    cookies: {
      getAll: () => store.getAll(),
      setAll: changes => { for (const { name, value, options } of changes) store.set(name, value, options) }
    }
  })
  const { data } = await supabase.auth.getUser()
  return data.user?.id ?? null
}
