import { createBrowserClient } from '@supabase/ssr'

const url = process.env.NEXT_PUBLIC_SUPABASE_URL
const key = process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY
const supabase = url && key ? createBrowserClient(url, key) : null

/** The access token of whoever is signed in, or '' for nobody. A refused one is renewed first. */
export async function accessToken ({ refresh }: { refresh: boolean }): Promise<string> {
  if (supabase === null) return ''
  const { data } = refresh ? await supabase.auth.refreshSession() : await supabase.auth.getSession()
  return data.session?.access_token ?? ''
}
